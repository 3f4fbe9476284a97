/**
 * Loads the addon of native/send-frames.c, which the build compiles where there is a C compiler. Without it frames are
 * gathered here and go through streams, one by one: the same bytes, for about twice the CPU.
 */
import { dlopen } from 'node:process';
import { fileURLToPath } from 'node:url';

/** Values per frame in `frames`: descriptor, first byte, length, records (before: 1 = the tail goes behind it). */
export const FRAME_VALUES = 4;
/** Room that a gathered frame needs beside its fragments: its header, and what is copied beyond their end. */
export const FRAME_ROOM = 64;

export interface NativeSend {
  /**
   * Sends frames on many descriptors, without blocking. A frame without a list lies in the memory already; one with a
   * list is gathered from the fragments of the symbols in it, and its place, length and records are filled in.
   * @param at where in the memory gathered frames go; each needs its fragments and FRAME_ROOM bytes
   * @param lists per frame the sids that its session follows, or null
   * @param fragments the encoded records of one pass; those of a symbol are `length` bytes from `start` on, and there
   *   are some when `madeIn` is `pass`. At least 32 readable bytes must follow them.
   * @param tail another whole frame, sent behind gathered ones that ask for it and have records
   * @param taken is filled: per frame the bytes that the kernel took, or a negative errno
   * @throws RangeError when a frame does not lie in the memory; then nothing was sent
   */
  sendFrames(
    memory: Uint8Array,
    at: number,
    frames: Int32Array,
    lists: readonly (Int32Array | null)[],
    count: number,
    fragments: Uint8Array,
    start: Int32Array,
    length: Int32Array,
    madeIn: Float64Array,
    pass: number,
    tail: Uint8Array,
    taken: Int32Array,
  ): void;
  /** Makes the kernel take no more while so many bytes wait to be sent. @returns whether it does */
  limitUnsent(descriptor: number, bytes: number): boolean;
}

/** Seen from dist/src/gateway, and from src/gateway. */
const PLACES = ['../../native/send-frames.node', '../../dist/native/send-frames.node'];

/** @returns null where it was not built, or was built for another kind of machine */
export function loadNativeSend(): NativeSend | null {
  for (const place of PLACES) {
    const module = { exports: {} as NativeSend };
    try {
      dlopen(module, fileURLToPath(new URL(place, import.meta.url)));
      return module.exports;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_DLOPEN_FAILED') throw error;
    }
  }
  return null;
}
