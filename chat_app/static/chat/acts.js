// What a person does with a message of the open session: each verb asks the server, and says what went wrong.

import { ApiError } from "./client/errors.js";
import { t } from "./language.js";

const GONE = 404;

export class Acts {
  #of;

  /** `conversation()` is the open one or null; `confirmed(question)`, `share(session, messageId)`, `showTaken(load)`, `toast(text)`. */
  constructor(of) {
    this.#of = of;
  }

  /** Whether it was done. */
  async act(verb, entry, detail) {
    const conversation = this.#of.conversation();
    if (!conversation) return false;
    try {
      return (await VERBS[verb](conversation, entry, detail, this.#of)) ?? true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === GONE) conversation.reload();
      this.#of.toast(error.status === GONE ? t("This message is not there any more.") : error.message);
      return false;
    }
  }
}

const VERBS = {
  regenerate: (conversation, entry, wishes, of) =>
    inTurn(conversation, of, () => conversation.branch(entry.id, "regenerate", wishes)),
  edit: (conversation, entry, { content, key }, of) =>
    inTurn(conversation, of, () => conversation.branch(entry.id, "edit", { content }, key)),
  continue: (conversation) => conversation.goOn(),
  select: (conversation, entry, id) => conversation.branch(id, "select"),
  rate: (conversation, entry, rating) => conversation.rate(entry.id, rating),
  pin: (conversation, entry) => conversation.pinMessage(entry.id, !entry.pinned),
  async delete(conversation, entry, detail, { confirmed }) {
    const agreed = await confirmed({
      title: t("Delete from here?"),
      text: t("This message and all that follows it will be gone, for the model too."),
      action: t("Delete"),
    });
    if (agreed) await conversation.remove(entry.id);
  },
  share: (conversation, entry, detail, { share }) => share(conversation.state.session, entry.id),
  taken: (conversation, entry, detail, { showTaken }) => showTaken(() => conversation.usageOf(entry.runId)),
  async summarize(conversation, entry, detail, { toast }) {
    toast(t("Summarizing…"));
    toast((await conversation.summarize()).message);
  },
};

/** Nothing of it is to be seen while another answer is written. */
async function inTurn(conversation, { toast }, ask) {
  const waits = Boolean(conversation.state.run);
  await ask();
  if (waits) toast(t("Its turn comes after the answer that is being written."));
}
