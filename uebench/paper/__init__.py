"""The tables and claims of the Segue paper as data, and the records of the store beside them. Opens without torch."""
