// The data that the page carries: columns of all rows, and the texts that had room.

/** Columns by name; `words` holds what columns of places point to. */
let rows = null;
/** Row to its texts: {prompt, answer, details}. */
const texts = new Map();

/** Return the JSON value of a block of data: base64 of raw deflate. */
async function unpack(id) {
  const packed = atob(document.getElementById(id).textContent);
  const bytes = new Uint8Array(packed.length);
  for (let place = 0; place < packed.length; place += 1) bytes[place] = packed.charCodeAt(place);
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return JSON.parse(await new Response(plain).text());
}

async function readRows() {
  rows = await unpack('rows');
  rows.count = rows.score.length;
  rows.sample = rows.sample.map((name, row) => (name[0] === '=' ? name.slice(1) : word('group', row) + name));
}

/** Return the word that a column has in a row. */
function word(column, row) {
  return rows.words[column][rows[column][row]];
}

async function readTexts() {
  const kept = await unpack('texts');
  const [bases, shared, rests] = kept.prompts;
  const prompts = rests.map((rest, place) => kept.bases[bases[place]].slice(0, shared[place]) + rest);
  kept.row.forEach((row, place) => {
    const answer = kept.answer[place] === 0 ? word('answer', row) : kept.answer[place];
    texts.set(row, { prompt: prompts[kept.prompt[place]], answer, details: kept.details[place] });
  });
}

/** Return the turns of a prompt as [role, text]. */
function splitTurns(prompt) {
  return prompt.split('\u001e').slice(1).map((turn) => {
    const end = turn.indexOf('\u001f');
    return [turn.slice(0, end), turn.slice(end + 1)];
  });
}
