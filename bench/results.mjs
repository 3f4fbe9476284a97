/**
 * Reads the results of a bench: works → clients → contender → its runs, one per repetition. Ratios are taken run by
 * run, between neighbours in time, and the median of them counts: absolute figures drift with the machine.
 */

export function median(values) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** @returns the runs of a contender, none when it did not run; a run that is not to be had here is null */
export function runsOf(works, work, clients, contender) {
  return works[work]?.[clients]?.[contender] ?? [];
}

/** Median of one figure; null when it was not measured. */
export function middle(runs, pick) {
  return median(
    runs
      .filter((run) => run !== null)
      .map(pick)
      .filter((value) => value !== null && value !== undefined),
  );
}

/**
 * Median of the ratios of two figures, repetition by repetition; null when one of them was not measured.
 * @param above, below runs of the two
 */
export function ratio(above, below, pickAbove, pickBelow = pickAbove) {
  const ratios = above.flatMap((run, i) => {
    const other = below[i];
    if (run === null || other === undefined || other === null) return [];
    const [top, bottom] = [pickAbove(run), pickBelow(other)];
    return top === null || top === undefined || !bottom ? [] : [top / bottom];
  });
  return median(ratios);
}
