/** Records in JSON: 500 symbols per call, each into the same buffer. */
import { measureDialect } from './dialect-cases.fixture.js';
import { nativeJson } from './native-json.js';

measureDialect(nativeJson);
