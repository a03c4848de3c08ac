"""How the book is made and checked: `python -m bookkit` lists the commands."""
