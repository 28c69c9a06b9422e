/** The question before a change, and what came of it. */
import { useEffect, useRef } from "preact/hooks";
import { carryOut, notice, question } from "../state/asking.js";

export function QuestionDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const wanted = question.value;
  useEffect(() => {
    if (wanted !== undefined) dialog.current?.showModal();
  }, [wanted]);
  if (wanted === undefined) return null;
  const close = (): void => {
    question.value = undefined;
  };
  const confirm = (): void => {
    close();
    void carryOut(wanted.run);
  };
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="question-title">
      <h2 id="question-title">{wanted.title}</h2>
      <p>{wanted.text}</p>
      <div class="dialog-buttons">
        <button type="button" class="quiet" onClick={close}>
          Leave it
        </button>
        <button type="button" class="danger" onClick={confirm}>
          {wanted.action}
        </button>
      </div>
    </dialog>
  );
}

export function NoticeBar() {
  const said = notice.value;
  return (
    <div class="notice-place" role="status" aria-live="polite">
      {said !== undefined && (
        <div class={`notice notice-${said.kind}`}>
          <span>{said.text}</span>
          <button
            type="button"
            class="quiet"
            aria-label="close this notice"
            onClick={() => {
              notice.value = undefined;
            }}
          >
            ✕
          </button>
        </div>
      )}
    </div>
  );
}
