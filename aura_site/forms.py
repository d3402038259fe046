"""Forms around an account."""

import unicodedata

from django import forms
from django.utils.translation import gettext_lazy as _


class CodeForm(forms.Form):
    """Asks for a one-time code, or a recovery code, as a phone writes it: a capital first, spaces, Arabic digits."""

    code = forms.CharField(
        label=_("Code"),
        max_length=16,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "autofocus": True,
                "autocapitalize": "none",
                "dir": "ltr",
                "spellcheck": "false",
            }
        ),
    )

    def clean_code(self) -> str:
        """Return the code in small letters and plain digits, without spaces."""
        code = "".join(str(self.cleaned_data["code"]).split()).lower()
        return "".join(str(unicodedata.digit(sign, sign)) for sign in code)
