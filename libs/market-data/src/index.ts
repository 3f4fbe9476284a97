export * from './decimal.js';
export * from './image-fields.js';
export * from './instrument.js';
export * from './partition.js';
export * from './reject-reason.js';
export * from './tick.js';
