"""The words of the book: the files that hold them, and the pages that use them."""

from bookkit import contents, words
from bookkit.checks import order, vocabulary


def test_the_files_of_the_book_are_in_form(tell):
    tell([*contents.misconfigured(), *contents.unused(), *words.malformed()])


def test_every_entry_leads_to_a_section_that_has_its_word(tell):
    tell(vocabulary.complaints())


def test_words_are_explained_before_they_are_used(tell):
    tell(order.complaints())
