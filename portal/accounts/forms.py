from django import forms


class SignupForm(forms.Form):
    """What sign-up asks beyond e-mail and password."""

    name = forms.CharField(max_length=120, label="Your name", widget=forms.TextInput(attrs={"autocomplete": "name"}))

    def signup(self, request: object, user: object) -> None:
        """allauth calls this; AccountAdapter.save_user has done the work."""
