/** What the feed's side of the fan-out counts. Plain numbers, read when a scrape asks. */
export class WriterCounters {
  /** Bytes of groups that wait for their append, or for its answer. */
  queueBytes = 0;
  appends = 0;
  entries = 0;
  entryBytes = 0;
  /** Entries appended again because the store came back as another run. */
  entriesAgain = 0;
  /** Entries of a tail that went before their age, for want of bytes: a failover may lose them. */
  tailEntriesCut = 0;
  /** Entries of a tail that were not appended again before the process stopped. */
  tailEntriesLeft = 0;
  offersStored = 0;
  readonly busy = { queue_full: 0, log_full: 0, sessions_full: 0, store_unavailable: 0, stopping: 0 };
}
