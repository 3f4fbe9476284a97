/** Every dialect that a gateway speaks. A new one is one line here. */
import { type Dialect, nativeJson, nativeMsgpack } from '#wire';

export const DIALECTS: readonly Dialect[] = [nativeMsgpack, nativeJson];

/** Place in DIALECTS of the dialect with this subprotocol; undefined when there is none. */
export function dialectIndex(subprotocol: string): number | undefined {
  const index = DIALECTS.findIndex((dialect) => dialect.subprotocol === subprotocol);
  return index < 0 ? undefined : index;
}
