/** What the follower of one process did, for metrics; plain numbers that only grow. */
export class FollowerCounters {
  /** Batches applied, live or from the tape. */
  applied = 0;
  /** Live batches whose number was applied already. */
  repeated = 0;
  /** Live batches that came with numbers missing before them. */
  holes = 0;
  /** Live batches not held because the budget was spent; the tape has them. */
  heldRefused = 0;
  /** Batches that were applied from the tape. */
  refilled = 0;
  /** Times a partition's state was replaced by a checkpoint: joins, trimmed tapes and new epochs. */
  reloads = 0;
  /** Live messages, tape entries and checkpoints that could not be read. */
  undecodable = 0;
  /** Questions to the store that were not answered, or whose answer did not hold together. */
  retries = 0;
  /** Batches of the older tape whose trades were read after a join. */
  history = 0;
  /** Times a partition fell silent. */
  silences = 0;
  /** Times this process's event loop was found stuck. */
  stuck = 0;
}
