/** Records in msgpack: 500 symbols per call, each into the same buffer. */
import { measureDialect } from './dialect-cases.fixture.js';
import { nativeMsgpack } from './native-msgpack.js';

measureDialect(nativeMsgpack);
