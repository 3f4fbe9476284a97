/** Runs its specs one after the other, when all others are through: they hurt processes, and measure how those recover. */
const { default: TestRunner } = require('jest-runner');

module.exports = class SerialRunner extends TestRunner {
  isSerial = true;
};
