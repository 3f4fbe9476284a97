/** Reads the lines that `node --trace-gc` prints: what was allocated on the JS heap between two collections. */
const LINE =
  /^\[\d+:0x[0-9a-f]+\]\s+(\d+) ms: .*? ([\d.]+) \([\d.]+\) -> ([\d.]+) \([\d.]+\) MB, ([\d.]+) \//;

export class GarbageTrace {
  constructor() {
    /** {atMs since the start of that process, beforeMb, afterMb, pauseMs} */
    this.collections = [];
  }

  line(text) {
    const found = LINE.exec(text);
    if (found === null) return;
    const [atMs, beforeMb, afterMb, pauseMs] = found.slice(1).map(Number);
    this.collections.push({ atMs, beforeMb, afterMb, pauseMs });
  }

  /**
   * @param from how many collections there had been when the window began
   * @returns bytes allocated per second, and ms of pauses per second; null when fewer than two collections fell into it
   */
  since(from) {
    const inside = this.collections.slice(from);
    if (inside.length < 2) return null;
    const seconds = (inside.at(-1).atMs - inside[0].atMs) / 1000;
    let megabytes = 0;
    for (let i = 1; i < inside.length; i++) megabytes += inside[i].beforeMb - inside[i - 1].afterMb;
    const pausesMs = inside.slice(1).reduce((sum, { pauseMs }) => sum + pauseMs, 0);
    return { bytesPerSecond: (megabytes * 2 ** 20) / seconds, pausesMsPerSecond: pausesMs / seconds };
  }
}
