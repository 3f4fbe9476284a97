import { Readiness } from './readiness.js';

/**
 * What is not as it should be although this process serves: a store that does not answer, silent partitions, a lagging
 * event loop. Shown at `/health`, and told to the proxy as a lower weight; it never takes the process out of the pool.
 * Conditions have the shape of those of readiness.
 */
export class Health extends Readiness {}
