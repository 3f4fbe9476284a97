/**
 * Loaded into a process by NODE_OPTIONS=--import: at each SIGUSR2 its wall clock jumps by the next of CLOCK_JUMPS_MS
 * (comma-separated), as one does that an operator or NTP sets. The monotonic clock goes on, as it does in the kernel.
 */
const jumpsMs = (process.env['CLOCK_JUMPS_MS'] ?? '').split(',').map(Number);
const RealDate = Date;
let offMs = 0;

globalThis.Date = class JumpingDate extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + offMs);
    else super(...args);
  }

  static now() {
    return RealDate.now() + offMs;
  }
};

process.on('SIGUSR2', () => {
  offMs += jumpsMs.shift() ?? 0;
  process.stderr.write(`clock jumped: ${offMs} ms off\n`);
});
