/**
 * Whether this process should be sent new clients. Each room adds its own condition; a condition looks at local
 * facts only, because a shared dependency must not empty the whole pool of gateways at once.
 */
export class Readiness {
  private readonly conditions = new Map<string, () => string | null>();

  /** @param why null when all is well, else a short reason that an operator understands */
  add(name: string, why: () => string | null): void {
    this.conditions.set(name, why);
  }

  /** Name and reason of every condition that does not hold; empty = ready. */
  faults(): Readonly<Record<string, string>> {
    const faults: Record<string, string> = {};
    for (const [name, why] of this.conditions) {
      const reason = why();
      if (reason !== null) faults[name] = reason;
    }
    return faults;
  }

  get ready(): boolean {
    for (const why of this.conditions.values()) if (why() !== null) return false;
    return true;
  }
}
