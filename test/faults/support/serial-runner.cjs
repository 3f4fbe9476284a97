/** Runs its specs one after the other and apart from all others: they hurt processes, and measure how those recover. */
const { default: TestRunner } = require('jest-runner');

module.exports = class SerialRunner extends TestRunner {
  isSerial = true;
};
