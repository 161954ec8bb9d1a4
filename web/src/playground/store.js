// What the page remembers between visits, on this machine alone: where one was, texts, answers to exercises. Nothing is sent anywhere.
const KEY = "minigrad-playground";
const kept = { place: "own", drafts: {}, course: null, ...read() };

/** place: which text is open. drafts: texts by place. course: the files of the exercises. */
export const store = {
  get: (field) => kept[field],

  draft: (place) => kept.drafts[place] ?? null,

  /** Keep a field; tell whether that was possible. */
  keep(field, value) {
    kept[field] = value;
    return write();
  },

  /** Keep the text of a place, null to forget it; tell whether that was possible. */
  keepDraft(place, text) {
    if (text === null) delete kept.drafts[place];
    else kept.drafts[place] = text;
    return write();
  },
};

function read() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY));
    return found && typeof found === "object" ? found : {};
  } catch {
    return {}; // nothing can be kept here, or somebody else's text is there
  }
}

function write() {
  try {
    localStorage.setItem(KEY, JSON.stringify(kept));
    return true;
  } catch {
    return false; // forbidden here, or full
  }
}
