/** Shown when the service lets nobody in without a token. */
export function TokenForm({ onToken }: { onToken: (token: string) => void }) {
  const submit = (submitted: SubmitEvent): void => {
    submitted.preventDefault();
    if (!(submitted.currentTarget instanceof HTMLFormElement)) return;
    const token = new FormData(submitted.currentTarget).get('token');
    if (typeof token === 'string' && token !== '') onToken(token);
  };
  return (
    <form class="token" onSubmit={submit}>
      <label for="token">This service wants a token</label>
      <input id="token" name="token" type="password" autocomplete="off" required />
      <button type="submit">Connect</button>
    </form>
  );
}
