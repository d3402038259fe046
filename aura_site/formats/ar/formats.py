"""How Arabic pages write dates, times and numbers; Django's names."""

DATE_FORMAT = "j F Y"
DATETIME_FORMAT = "j F Y، H:i"
TIME_FORMAT = "H:i"
# As the pages write numbers that the browser puts there: a decimal comma beside a decimal point would be two languages.
DECIMAL_SEPARATOR = "."
THOUSAND_SEPARATOR = ","
# Django's Arabic has none, and so would group nothing.
NUMBER_GROUPING = 3
