export * from './msgpack-reader.js';
export * from './msgpack-writer.js';
