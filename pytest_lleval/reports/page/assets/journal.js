// Texts that had no room, read from the run's own samples.jsonl: the browser opens it, nothing is sent.

/** Yield the lines of a file without holding all of it. */
async function* readLines(file) {
  const reader = file.stream().pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    yield* lines;
  }
  if (rest) yield rest;
}

/** The name of a row, the same for its line of the journal. */
const nameRow = (suite, model, sample, epoch) => JSON.stringify([suite, model, sample, epoch]);

async function readJournal(file, state) {
  const places = new Map();
  for (let row = 0; row < rows.count; row += 1) {
    places.set(nameRow(word('suite', row), word('model', row), rows.sample[row], rows.epoch[row]), row);
  }
  const found = new Map();
  let chain = '';
  try {
    for await (const line of readLines(file)) {
      const record = JSON.parse(line);
      chain = record.chain;
      const row = places.get(nameRow(record.suite, record.model, record.sample, record.epoch));
      if (row !== undefined) found.set(row, decodeRecord(record));
    }
  } catch (error) {
    state.textContent = `This is no journal of a run (${error.message}).`;
    return;
  }
  if (chain !== rows.chain) {
    state.textContent = 'This is the journal of another run, or it has changed since: nothing was read.';
    return;
  }
  found.forEach((text, row) => texts.set(row, text));
  haystacks = null;
  state.textContent = `${count(found.size)} samples read.`;
  refresh();
  if (shown !== null) showDetails(shown);
}

function decodeRecord(record) {
  const { completion } = record;
  const times = completion && [completion.timing.queued, completion.timing.connect, completion.timing.first_byte];
  const details = {
    scores: record.scores.map((score) => [score.name, score.value, score.answer, score.explanation]),
    error: record.error,
    failures: (record.failures ?? []).map((failure) => [failure.error, failure.status, failure.seconds]),
    earlier: (record.earlier ?? []).map((call) => [joinTurns(call.request), call.completion?.text]),
    stop: completion?.stop_reason,
    times,
    worker: record.worker,
    served: completion?.model,
    again: record.seed_check && !record.seed_check.same_text ? record.seed_check.text : undefined,
  };
  return { prompt: record.request ? joinTurns(record.request) : '', answer: completion?.text ?? null, details };
}

function joinTurns(request) {
  const turns = request.messages ?? [{ role: 'prompt', content: request.prompt }];
  const clean = (text) => text.replaceAll('\u001e', '␞').replaceAll('\u001f', '␟');
  return turns.map((turn) => `\u001e${turn.role}\u001f${clean(turn.content)}`).join('');
}

function startJournal() {
  const input = document.getElementById('journal');
  const state = document.getElementById('journal-state');
  input?.addEventListener('change', () => {
    state.textContent = 'Reading …';
    if (input.files[0]) readJournal(input.files[0], state);
  });
}
