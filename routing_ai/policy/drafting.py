"""The drafts of one answer, confirmed or dropped as the model speaks."""

from routing_ai.policy.predictor import NextTokenPredictor


class Drafting:
    """The drafts of one answer: what is outstanding, and how much of it came true, in characters."""

    def __init__(self, predictor: NextTokenPredictor) -> None:
        self._predictor = predictor
        self._text = ""
        self._outstanding = ""
        self.drafted = 0
        self.accepted = 0

    def said(self, text: str) -> None:
        """Take what the model said; it confirms the outstanding draft, or ends it."""
        self._text = (self._text + text)[-1_000:]
        draft = self._outstanding
        if not draft:
            return
        if draft.startswith(text):
            self._count(len(text), len(text))
            self._outstanding = draft[len(text) :]
            return
        same = next(
            (n for n, (a, b) in enumerate(zip(draft, text, strict=False)) if a != b), min(len(draft), len(text))
        )
        # A draft that the model has overtaken came true as a whole; one that it contradicts is dropped as a whole.
        self._count(len(draft) if same < len(draft) else same, same)
        self._outstanding = ""

    def draft(self) -> str:
        """Return the tentative text behind what was said; the same as before until it is used up."""
        if not self._outstanding:
            self._outstanding = self._predictor.draft(self._text)
        return self._outstanding

    def end(self) -> None:
        """Count what is still outstanding as not come true."""
        self._count(len(self._outstanding), 0)
        self._outstanding = ""

    def learn(self, text: str) -> None:
        """Learn from a whole answer."""
        self._predictor.learn(text)

    def _count(self, drafted: int, accepted: int) -> None:
        self.drafted += drafted
        self.accepted += accepted
