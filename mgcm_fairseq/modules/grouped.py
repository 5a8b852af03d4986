"""The private part of a grouped layer's FFN: hidden units that one group of languages has for itself."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class PrivateParts(nn.Module):
    """FFN_g(x) for a row in a language of group g, to be added to the shared FFN(x). B rows, T frames, D width.

    A row's language decides, never where the row stands (GDPS's code, arXiv 2603.25836, goes by an order
    that loaders shuffle). With gradients every part runs in every pass, with no rows too: its gradient is
    zero then and not absent, so that all workers have gradients of the same parameters, whichever languages they hear.
    """

    group_of: Tensor

    def __init__(self, parts: Sequence[nn.Module], group_of: Sequence[int]) -> None:
        """`parts`: of each group, (B, T, D) -> (B, T, D); `group_of`: each language's, in the order of their ranks."""
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self._group_of = tuple(group_of)  # and on the host, where sizes are counted without a read of the device's copy
        self.register_buffer("group_of", torch.tensor(group_of), persistent=False)

    def forward(self, x_BTD: Tensor, language_B: Tensor | None) -> Tensor:
        """(B, T, D). A GPU is waited for: how many rows a part has depends on their languages.

        Args:
            x_BTD: what the FFN reads.
            language_B: ranks of the rows' languages.
        Raises:
            ValueError: there is no language, or not one for each row.
        """
        if language_B is None or language_B.shape != x_BTD.shape[:1]:
            found = "none" if language_B is None else f"those of {language_B.numel()}"
            raise ValueError(f"private parts: expected the languages of {x_BTD.size(0)} rows, found {found}. Pass the "
                             f"ranks of the rows' languages in their corpus to the encoder.")
        group_B = self.group_of[language_B]
        order_B = group_B.argsort(stable=True)
        groups = [self._group_of[rank] for rank in language_B.tolist()]
        sizes = [groups.count(group) for group in range(len(self.parts))]
        rows = zip(self.parts, x_BTD.index_select(0, order_B).split(sizes), strict=True)
        answers = [part(of_group) for part, of_group in rows if len(of_group) or torch.is_grad_enabled()]
        return torch.cat(answers).index_select(0, order_B.argsort())
