"""What APIs are found by."""

from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from .catalog import Api


class ApiWords(models.Model):
    """The words of an Api, kept by apis.catalog. Apart from its row: a search for a common word reads many of them."""

    api = models.OneToOneField(Api, primary_key=True, on_delete=models.CASCADE, related_name="words")
    vector = SearchVectorField()
    text = models.TextField(help_text="The words that typing errors are compared with: names, summary, tags.")

    class Meta:
        indexes: ClassVar[list[models.Index]] = [GinIndex(fields=["vector"], name="api_words_vector")]

    def __str__(self) -> str:
        return self.text
