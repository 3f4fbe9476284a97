/** Checks bodies and queries against their classes; what does not fit is a problem that names each field. */
import { type ArgumentMetadata, type PipeTransform, ValidationPipe } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import { Problem } from '../problem.js';

const NO_SUCH_FIELD = 'Expected no such field';

interface FieldFault {
  readonly field: string;
  readonly message: string;
}

class ProblemValidationPipe implements PipeTransform {
  private readonly fields: ValidationPipe;

  constructor(private readonly code: 'invalid_body' | 'invalid_query') {
    this.fields = new ValidationPipe({
      whitelist: true,
      forbidNonWhitelisted: true,
      transform: true,
      stopAtFirstError: true,
      exceptionFactory: (errors) => problemOf(code, errors.flatMap(faultsOf)),
    });
  }

  transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new Problem(this.code, { detail: `Expected a JSON object, was ${kindOf(value)}`, errors: [] });
    }
    // The validator finds its rules by the object's constructor: nobody else may set that.
    if (Object.hasOwn(value, 'constructor')) {
      throw problemOf(this.code, [{ field: 'constructor', message: NO_SUCH_FIELD }]);
    }
    return this.fields.transform(value, metadata);
  }
}

function problemOf(code: 'invalid_body' | 'invalid_query', errors: readonly FieldFault[]): Problem {
  const detail = errors.map(({ field, message }) => `${field}: ${message}`).join('; ');
  return new Problem(code, { detail, errors });
}

function faultsOf(error: ValidationError): FieldFault[] {
  return Object.entries(error.constraints ?? {}).map(([rule, message]) => ({
    field: error.property,
    message: rule === 'whitelistValidation' ? NO_SUCH_FIELD : message,
  }));
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

export const bodyPipe = new ProblemValidationPipe('invalid_body');
export const queryPipe = new ProblemValidationPipe('invalid_query');
