/** Adds symbols by typing them. */
import { useSignal } from '@preact/signals';
import { symbolsOf } from './page-options.js';

/** @param props.onAdd adds symbols, and answers those for which there is no room */
export function AddSymbols({ onAdd }: { onAdd: (symbols: readonly string[]) => readonly string[] }) {
  const text = useSignal('');
  const fault = useSignal('');
  const submit = (submitted: SubmitEvent): void => {
    submitted.preventDefault();
    const { symbols, faults } = symbolsOf(text.value);
    const roomless = onAdd(symbols);
    text.value = faults.join(' ');
    if (faults.length > 0) fault.value = `No symbol: ${faults.join(', ')}`;
    else fault.value = roomless.length > 0 ? `No room for ${roomless.join(', ')}` : '';
  };
  return (
    <form class="add" onSubmit={submit}>
      <label for="symbols">Add symbol</label>
      <input
        id="symbols"
        placeholder="MSFT, ETH-USD"
        autocomplete="off"
        autocapitalize="characters"
        spellcheck={false}
        aria-describedby="fault"
        value={text}
        onInput={({ currentTarget }) => {
          text.value = currentTarget.value;
        }}
      />
      <button type="submit">Add</button>
      <output id="fault" class="fault">
        {fault}
      </output>
    </form>
  );
}
