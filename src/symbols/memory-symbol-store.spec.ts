import { MemorySymbolStore } from './memory-symbol-store.js';
import { definition, describeSymbolStore, note } from './symbol-store.fixture.js';
import { AUDIT_ENTRIES_MAX } from './symbol-store.js';

let shared = new MemorySymbolStore();
describeSymbolStore('memory', {
  async empty() {
    shared = new MemorySymbolStore();
  },
  open: () => shared,
});

it('keeps no more than a bounded audit, the newest entries', async () => {
  const store = new MemorySymbolStore();
  await store.create([definition()], 1, note());
  const last = AUDIT_ENTRIES_MAX + AUDIT_ENTRIES_MAX / 10;
  for (let i = 1; i <= last; i++) await store.change('AAPL', {}, null, note({ requestId: `req-${i}` }));
  const kept = await store.auditAfter(null, AUDIT_ENTRIES_MAX * 2);
  expect(kept.length).toBe(AUDIT_ENTRIES_MAX);
  expect(kept.at(-1)?.requestId).toBe(`req-${last}`);
});
