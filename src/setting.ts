/**
 * One setting: the variable that sets it, what it may be, its default and why. Values arrive as the text of an
 * environment variable; the schemas below turn the text into the typed value and say what is allowed.
 */
import { z } from 'zod';

export interface Setting<T> {
  readonly variable: string;
  readonly schema: z.ZodType<T, string>;
  /** What a malformed value is told, e.g. `an integer from 0 to 65535`. */
  readonly allowed: string;
  /** The default, by whether this process runs embedded (without Redis). */
  readonly initial: (embedded: boolean) => T;
  /** Unit of the value, empty for none. */
  readonly unit: string;
  readonly why: string;
  readonly secret: boolean;
}

interface Kind<T> {
  readonly schema: z.ZodType<T, string>;
  readonly allowed: string;
}

export function setting<T>(
  variable: string,
  kind: Kind<T>,
  initial: T | ((embedded: boolean) => T),
  why: string,
  more: { unit?: string; secret?: boolean } = {},
): Setting<T> {
  return {
    variable,
    ...kind,
    initial: typeof initial === 'function' ? (initial as (embedded: boolean) => T) : () => initial,
    unit: more.unit ?? '',
    why,
    secret: more.secret ?? false,
  };
}

const refuse = (context: z.RefinementCtx): never => {
  context.addIssue({ code: 'custom', message: 'not allowed' });
  return z.NEVER;
};

export function integer(min: number, max: number, also?: number): Kind<number> {
  return {
    allowed: `${also === undefined ? '' : `${also}, or `}an integer from ${min} to ${max}`,
    schema: z.string().transform((text, context) => {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return (value >= min && value <= max) || value === also ? value : refuse(context);
    }),
  };
}

export function decimal(min: number, max: number): Kind<number> {
  return {
    allowed: `a number from ${min} to ${max}`,
    schema: z.string().transform((text, context) => {
      const value = /^\d{1,12}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? value : refuse(context);
    }),
  };
}

export const onOff: Kind<boolean> = {
  allowed: 'on or off',
  schema: z.enum(['on', 'off']).transform((text) => text === 'on') as z.ZodType<boolean, string>,
};

export function oneOf<const T extends string>(...values: readonly [T, ...T[]]): Kind<T> {
  return { allowed: values.join(' or '), schema: z.enum(values) as unknown as z.ZodType<T, string> };
}

export function text(allowed: string, pattern: RegExp): Kind<string> {
  return { allowed, schema: z.string().regex(pattern) };
}

/** A value that may be left out: null unless set. */
export function optional<T>(kind: Kind<T>): Kind<T | null> {
  return kind;
}

export function listOf<T>(item: Kind<T>, distinct = true): Kind<readonly T[]> {
  return {
    allowed: `a comma-separated list, each ${item.allowed}`,
    schema: z.string().transform((text, context) => {
      const values: T[] = [];
      for (const part of text.split(',')) {
        const parsed = item.schema.safeParse(part.trim());
        if (!parsed.success) return refuse(context);
        values.push(parsed.data);
      }
      return distinct && new Set(values).size !== values.length ? refuse(context) : Object.freeze(values);
    }),
  };
}
