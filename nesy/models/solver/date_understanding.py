"""What is the date some time from today (BIG-Bench Hard date_understanding).

``asked`` and ``answered`` also serve the wording that names today by a holiday.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date
from functools import partial

from nesy.models.solver import Knowledge, Solution


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_OPTION = re.compile(r"^(\([A-Z]\)) (\d\d/\d\d/\d{4})$", re.MULTILINE)
_QUESTION = re.compile(r"(.+?) What is the date ([\w ]+?) in MM/DD/YYYY\?", re.DOTALL)
_MONTHS = _words("jan feb mar apr may jun jul aug sep oct nov dec")
_NUMBERS = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty"
)
_ORDINALS = _words(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
)
_WEEKDAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
_JUBILEES = {"tin": 10, "silver": 25, "ruby": 40, "golden": 50, "diamond": 60}
_UNITS = {"day": 1, "week": 7}
_LONGEST = 400
"""A longer time is not told month by month."""
_DATE = r"(\d{1,2}/\d{1,2}/\d{4}|[A-Z][a-z]{2,8}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4})"
_N = r"(\w+)"
_KNOWLEDGE = Knowledge(
    when="a date some days, weeks, months or years before or after today is asked",
    lesson="Write today's date as MM/DD/YYYY first, then move the day and watch the month's end.",
    facts=(
        "MM/DD/YYYY puts the month first, then the day, then the year.",
        "Past the end of a month, subtract its number of days and go to the next month.",
        "Before the first of a month, add the number of days of the month before.",
        "April, June, September and November have 30 days, February has 28 or in leap years 29.",
    ),
    example="Five days after 04/28 is day 28 + 5 - 30 = 3 of May.",
    check="28 + 5 - 30 == 3",
)

_Found = tuple[list[str], date]
"""The steps that lead to a date, and the date."""


def solve(question: str) -> Solution | None:
    """Find today's date, then the asked one; ``None`` for a wording it cannot read."""
    read = asked(question)
    if read is None:
        return None
    told, words, labels = read
    for form, found in _FORMS:
        match = form.fullmatch(told)
        if match is not None:
            today = found(match)
            return None if today is None else answered(today, words, labels, _KNOWLEDGE)
    return None


def asked(question: str) -> tuple[str, str, dict[str, str]] | None:
    """Split into what is told, the asked time ("a month ago"), and the options' labels by date."""
    body, found, lines = question.strip().partition("\nOptions:\n")
    match = _QUESTION.fullmatch(body)
    if not found or match is None:
        return None
    return match[1], match[2], {text: label for label, text in _OPTION.findall(lines)}


def answered(
    today: _Found, words: str, labels: dict[str, str], knowledge: Knowledge
) -> Solution | None:
    """Go from today to the asked time; ``None`` if that is unreadable or not among the options."""
    steps, day = today
    moved = _asked_day(day, words)
    if moved is None or written(moved[1]) not in labels:
        return None
    more, day = moved
    answer = labels[written(day)]
    steps = [*steps, f"Today is {written(today[1])}.", *more, f"That is {written(day)} {answer}."]
    return Solution(" ".join(steps), answer, knowledge)


def written(day: date) -> str:
    """Write a date as MM/DD/YYYY."""
    return f"{day.month:02}/{day.day:02}/{day.year}"


def shifted(day: date, days: int) -> _Found:
    """Move by ``days``, one month's end at a time."""
    year, month, number = day.year, day.month, day.day
    count, steps = abs(days), list[str]()
    if days > 0:
        steps.append(f"{number} + {count} = {number + count}.")
        number += count
        while number > monthrange(year, month)[1]:
            length = monthrange(year, month)[1]
            left = number - length
            steps.append(f"Month {month:02} has {length} days. {number} - {length} = {left}.")
            number = left
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    else:
        while number <= count:
            year, month = (year, month - 1) if month > 1 else (year - 1, 12)
            length = monthrange(year, month)[1]
            total = number + length
            steps.append(f"Month {month:02} has {length} days. {number} + {length} = {total}.")
            number = total
        steps.append(f"{number} - {count} = {number - count}.")
        number -= count
    return steps, date(year, month, number)


def _asked_day(day: date, words: str) -> _Found | None:
    words = words.removesuffix(" from today").removesuffix(" from now")
    fixed = {"today": 0, "tomorrow": 1, "yesterday": -1, "24 hours later": 1, "24 hours ago": -1}
    if words == "today":
        return [], day
    match = re.fullmatch(r"(\w+) (day|week|month|year)s?(?: (ago|later))?", words)
    if words not in fixed and match is None:
        return None
    if match is None:
        steps, moved = shifted(day, fixed[words])
    else:
        number, sign = _number(match[1]), -1 if match[3] == "ago" else 1
        if number is None:
            return None
        if match[2] in _UNITS:
            steps, moved = shifted(day, sign * number * _UNITS[match[2]])
        elif match[2] == "month" and number > 12:
            return None
        elif match[2] == "month":
            steps, moved = _by_months(day, sign * number)
        else:
            steps, moved = _by_years(day, sign * number)
    return [*steps, f"The date asked is {written(moved)}."], moved


def _by_years(day: date, years: int) -> _Found:
    year = day.year + years
    sign = "+" if years > 0 else "-"
    number = min(day.day, monthrange(year, day.month)[1])
    return [f"{day.year} {sign} {abs(years)} = {year}."], date(year, day.month, number)


def _by_months(day: date, months: int) -> _Found:
    """Move by months; only a first step over a year's end is told, so at most twelve."""
    sign = "+" if months > 0 else "-"
    total, year = day.month + months, day.year
    if total < 1:
        raised = day.month + 12
        total, year = total + 12, year - 1
        steps = [f"{day.month} + 12 = {raised}.", f"{raised} - {-months} = {total}."]
        steps.append(f"{day.year} - 1 = {year}.")
    elif total > 12:
        steps = [f"{day.month} {sign} {months} = {total}.", f"{total} - 12 = {total - 12}."]
        total, year = total - 12, year + 1
        steps.append(f"{day.year} + 1 = {year}.")
    else:
        steps = [f"{day.month} {sign} {abs(months)} = {total}."]
    return steps, date(year, total, min(day.day, monthrange(year, total)[1]))


def _number(word: str) -> int | None:
    if word.isdigit():
        return int(word) if int(word) <= _LONGEST else None
    if word in ("a", "an"):
        return 1
    return _NUMBERS.index(word.lower()) if word.lower() in _NUMBERS else None


def _date(text: str) -> date | None:
    """Read 5/4/2004, Jan 2, 1958 or May 9th, 2017."""
    match = re.fullmatch(r"(\d+)/(\d+)/(\d+)", text)
    if match is not None:
        return _valid(int(match[3]), int(match[1]), int(match[2]))
    month, day, year = text.replace(",", "").split(" ")
    number = int(re.sub(r"\D", "", day))
    return _valid(int(year), _month(month), number)


def _month(word: str) -> int:
    """Return 1 to 12 for a month's name or abbreviation, 0 for another word."""
    return _MONTHS.index(word[:3].lower()) + 1 if word[:3].lower() in _MONTHS else 0


def _valid(year: int, month: int, day: int) -> date | None:
    if not (1 <= month <= 12 and 1000 <= year < 3000 and 1 <= day <= monthrange(year, month)[1]):
        return None
    return date(year, month, day)


def _days_off(days: int, match: re.Match[str]) -> _Found | None:
    """Today is ``days`` after the date told, or as many as the sentence says in that direction."""
    told = _date(match[1])
    number = _number(match[2]) if match.re.groups > 1 else 1
    if told is None or number is None:
        return None
    if days == 0:
        return [], told
    steps, today = shifted(told, days * number)
    count, word = abs(days) * number, "before" if days < 0 else "after"
    plural = "day" if count == 1 else "days"
    return [f"Today is {count} {plural} {word} {written(told)}.", *steps], today


def _years_off(match: re.Match[str]) -> _Found | None:
    told = _date(match[1])
    number = _JUBILEES.get(match[2]) or _number(match[2])
    if told is None or not number:
        return None
    steps, today = _by_years(told, number)
    return [f"Today is {number} years after {written(told)}.", *steps], today


def _birthday(match: re.Match[str]) -> _Found | None:
    month, year, age = _month(match[1]), int(match[2]), int(match[3])
    if not month:
        return None
    length = monthrange(year, month)[1]
    number = min(length, monthrange(year + age, month)[1])
    steps = [f"Month {month:02} of {year} has {length} days.", f"{year} + {age} = {year + age}."]
    return steps, date(year + age, month, number)


def _last_of_month(match: re.Match[str]) -> _Found | None:
    month, year = _month(match[1]), int(match[2])
    if not month:
        return None
    length = monthrange(year, month)[1]
    return [f"Month {month:02} of {year} has {length} days."], date(year, month, length)


def _of_quarter(match: re.Match[str]) -> _Found | None:
    if match[2] not in _ORDINALS[:4]:
        return None
    quarter, year = _ORDINALS.index(match[2]) + 1, int(match[3])
    if match[1] == "first":
        month = 3 * quarter - 2
        return [f"That quarter starts with month {month:02}."], date(year, month, 1)
    length = monthrange(year, 3 * quarter)[1]
    steps = [f"That quarter ends with month {3 * quarter:02}.", f"It has {length} days."]
    return steps, date(year, 3 * quarter, length)


def _of_year(match: re.Match[str]) -> _Found | None:
    year = int(match[2])
    return [], date(year, 1, 1) if match[1] == "first" else date(year, 12, 31)


def _christmas_eve(match: re.Match[str]) -> _Found | None:
    """The one named day of the real task with a fixed date; others have a fact table."""
    return ["Christmas Eve is on December 24."], date(int(match[1]), 12, 24)


def _numbered(match: re.Match[str]) -> _Found | None:
    if match[1] not in _ORDINALS or match[2] not in _ORDINALS:
        return None
    day = _valid(int(match[3]), _ORDINALS.index(match[2]) + 1, _ORDINALS.index(match[1]) + 1)
    return None if day is None else ([], day)


def _first_weekday(match: re.Match[str]) -> _Found | None:
    if match[2] not in _WEEKDAYS or match[3] not in _WEEKDAYS or match[1] != match[4]:
        return None
    gap = (_WEEKDAYS.index(match[3]) - _WEEKDAYS.index(match[2])) % 7
    steps = [f"{match[3]} is {gap} days after {match[2]}.", f"1 + {gap} = {1 + gap}."]
    return steps, date(int(match[1]), 1, 1 + gap)


def _new_year_in(match: re.Match[str]) -> _Found | None:
    """Noon or midnight that many hours before the year begins lies so many days before it."""
    hours, year = int(match[2]), int(match[1])
    days = -(-hours // 24)
    steps, today = shifted(date(year, 1, 1), -days)
    lead = f"{year} begins on 01/01/{year}. {hours} hours before is {days} days before."
    return [lead, *steps], today


def _palindrome(match: re.Match[str]) -> _Found | None:
    turned = match[1][::-1]
    day = _valid(int(match[1]), int(turned[:2]), int(turned[2:]))
    return None if day is None else ([f"{match[1]} backwards is {turned}."], day)


def _british(match: re.Match[str]) -> _Found | None:
    day = _valid(int(match[3]), int(match[2]), int(match[1]))
    return None if day is None else ([f"The day is {match[1]} and the month is {match[2]}."], day)


def _without_year(match: re.Match[str]) -> _Found | None:
    day = _valid(int(match[3]), int(match[1]), int(match[2]))
    return None if day is None else ([f"The year is {match[3]}."], day)


def _who_is_right(match: re.Match[str]) -> _Found | None:
    told = _date({match[1]: match[2], match[3]: match[4]}.get(match[5], ""))
    return None if told is None else ([f"{match[5]} is correct."], told)


def _monthly(match: re.Match[str]) -> _Found | None:
    """The n-th monthly visit is n - 1 months after the first."""
    start = _valid(int(match[3]), _month(match[2]) or 13, int(match[1]))
    number = int(match[4])
    if start is None or not 1 < number <= 12:
        return None
    steps, today = _by_months(start, number - 1)
    lead = f"Visit 1 was on {written(start)}. {number} - 1 = {number - 1} months later."
    return [lead, *steps], today


def _at_work(match: re.Match[str]) -> _Found | None:
    """The remembered day minus its rank plus one is the first day of the job."""
    start, years = int(match[1]), int(match[2])
    told = _valid(start, _month(match[3]) or 13, int(match[4]))
    if told is None or match[5] not in _ORDINALS[1:]:
        return None
    steps, first = shifted(told, -_ORDINALS.index(match[5]))
    more, today = _by_years(first, years)
    return [f"{written(told)} was the {match[5]} day.", *steps, *more], today


_PLAIN = r"(?!.*\b(?:but|actually|in fact|wrong|correct)\b)"
_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], _Found | None]], ...] = tuple(
    (re.compile(pattern.replace("DATE", _DATE).replace("NUM", _N)), found)
    for pattern, found in (
        (rf"{_PLAIN}(?:Today is|It is) DATE(?: today)?\.(?: .*)?", partial(_days_off, 0)),
        (rf"{_PLAIN}Today, DATE, .+", partial(_days_off, 0)),
        (r"The current local time is [\d:]+ ?[ap]m of DATE\.", partial(_days_off, 0)),
        (rf"{_PLAIN}Tomorrow is DATE\.(?: .*)?", partial(_days_off, -1)),
        (rf"{_PLAIN}Yesterday was DATE\.(?: .*)?", partial(_days_off, 1)),
        (r"The day before yesterday was DATE\.", partial(_days_off, 2)),
        (r"The day after tomorrow is DATE\.", partial(_days_off, -2)),
        (rf"{_PLAIN}[^.]*\btomorrow,? \(?(?:[A-Z][a-z]+, )?DATE\)?\.", partial(_days_off, -1)),
        (rf"{_PLAIN}Yesterday, DATE, .+", partial(_days_off, 1)),
        (r"The deadline is DATE, which is NUM days? away from now\.", partial(_days_off, -1)),
        (r"It was DATE (?:a|one) week ago\.", partial(_days_off, 7)),
        (r"[^.]+ on DATE\. NUM days have passed since then\.", partial(_days_off, 1)),
        (r"[^.]+ on DATE, but was delayed by NUM days? to today\.", partial(_days_off, 1)),
        (
            r"On DATE \w+ bought NUM \w+\. (?:She|He) ate one per day\. "
            r"Today (?:she|he) ran out of \w+\.",
            partial(_days_off, 1),
        ),
        (r"DATE is like yesterday to \w+, but that is actually NUM years ago\.", _years_off),
        (r"\w+ and \w+ married on DATE\. It is their (\w+)-year anniversary today\.", _years_off),
        (r"\w+ and \w+ married on DATE\. Today is their (\w+) wedding anniversary\.", _years_off),
        (
            r"\w+ was born on the last day of (\w+) in ([12]\d{3})\. "
            r"Today is (?:her|his) (\d{1,2})-year-old birthday\.",
            _birthday,
        ),
        (
            r"(?:Today is|This is|\w+ is celebrating) the last day of "
            r"([A-Z]\w+)\.?,? (?:of )?([12]\d{3})\.",
            _last_of_month,
        ),
        (
            r"(?:Today|This) is the (first|last) day of the (\w+) quarter of ([12]\d{3})\.",
            _of_quarter,
        ),
        (r"(?:Today|This) is the (first|last) day of ([12]\d{3})\.", _of_year),
        (r"Today is Christmas Eve of ([12]\d{3})\.", _christmas_eve),
        (r"Today is the (\w+) day of the (\w+) month of ([12]\d{3})\.", _numbered),
        (
            r"The first day of ([12]\d{3}) is an? (\w+), "
            r"and today is the first (\w+) of ([12]\d{3})\.",
            _first_weekday,
        ),
        (r"([12]\d{3}) is coming in (\d{1,3}) hours\.", _new_year_in),
        (
            r"Today is the palindrome day of ([12]\d{3}), because the MMDDYYYY format .+\.",
            _palindrome,
        ),
        (
            r"In the UK, people usually put the day before the month when formatting the date\. "
            r"Therefore, today is (\d\d)/(\d\d)/([12]\d{3}) to them\.",
            _british,
        ),
        (
            r"Today is (\d+)/(\d+)\. \w+ is (?:watching|following|attending) [^.\d]+ ([12]\d{3})\.",
            _without_year,
        ),
        (
            r"Today is (\d+)/(\d+), and it is [^.\d]+ in the year ([12]\d{3})\b[^.\d]*\.",
            _without_year,
        ),
        (
            r"(\w+) thinks today is DATE, but (\w+) thinks today is DATE\. (\w+) is correct\.",
            _who_is_right,
        ),
        (
            r"\w+ thought today is DATE, but today is in fact [\w ]+, which is NUM days? later\.",
            partial(_days_off, 1),
        ),
        (
            r"[^.]+ on the (\d+)(?:st|nd|rd|th) of each month "
            r"starting from the (\w+) of ([12]\d{3})\. "
            r"It is (?:her|his) (\d{1,2})(?:st|nd|rd|th) visit [^.]*today\.",
            _monthly,
        ),
        (
            r"\w+ got (?:her|his) job in ([12]\d{3})\. "
            r"Today is (?:her|his) (\d{1,2})-year work anniversary\. "
            r"[^.]+ on ([A-Z]\w+)\.? (\d+), (?:her|his) (\w+) day at work, [^.]+\.",
            _at_work,
        ),
    )
)
