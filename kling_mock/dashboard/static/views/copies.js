// A request as a command and as a program, which send it again: it is data to both, whatever it holds.

// What the journal leaves of a long text of a large request, and of a URL with a query.
const CUT = /\.\.\.\[\d+ characters, sha256 [0-9a-f]{16}\]"|\?<hidden:[0-9a-f]{8}>/;

// The caller's own id is in use already. A quote inside of a text is escaped, so this is a key.
const OWN_ID = /("external_task_id"\s*:\s*)("(?:[^"\\]|\\.)*"|[^"{}[\],\s]+)/g;

// What a terminal or an editor would hide or obey stands only in texts, where JSON can escape it.
const UNSEEN = /[^\P{C}\t\n\r]|[\u2028\u2029]/gu;

const escaped = (text) => text.replace(UNSEEN, (found) => [...Array(found.length).keys()]
  .map((place) => `\\u${found.charCodeAt(place).toString(16).padStart(4, "0")}`).join(""));

const body = (entry) => escaped(entry.request.replace(OWN_ID, `$1"copy-${Math.random().toString(36).slice(2)}"`));

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

// The fields of which the journal does not have all; null if it has cut the request itself.
export function incomplete(entry) {
  try {
    return Object.entries(JSON.parse(entry.request))
      .filter(([, value]) => CUT.test(JSON.stringify(value))).map(([name]) => name);
  } catch { return null; }
}

export const curl = (entry, origin) => `curl -s ${quoted(origin + entry.path)} \\
  -H "Authorization: Bearer $KLING_API_KEY" -H "Content-Type: application/json" \\
  --data-raw ${quoted(body(entry))}`;

// Each escape of a JSON text is one of Python's too.
export const python = (entry, origin) => `import os, urllib.request

request = urllib.request.Request(
    ${JSON.stringify(origin + entry.path)},
    ${JSON.stringify(body(entry))}.encode(),
    {"Authorization": f"Bearer {os.environ['KLING_API_KEY']}", "Content-Type": "application/json"},
)
print(urllib.request.urlopen(request).read().decode())`;
