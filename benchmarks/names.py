"""How many names of people are found, and how much else: on generated English and Arabic chat, some of it without names.

`python -m benchmarks.names [--quick] [--json FILE]`. The model for Latin script needs requirements-names.txt; without it
only Arabic is measured. The lists of names below are for this program alone: no finder knows them.
"""

import random
import time

from audit.names import finders, model_folder
from audit.records import personal
from audit.records.names import KIND
from benchmarks.report import Report, median, options

FIRST = (
    "Alice Priya Mohammed Chen Olga Juan Fatima Kwame Sven Giulia Hiroshi Amara Niamh Tomasz Leila Diego Ingrid Ravi Zoe "
    "Abdul Marta Jamal Siobhan Yusuf Katarzyna Pierre Aisha Lars Mei Oluwaseun"
)
LAST = (
    "Johnson Sharma Al-Fayed Wei Petrova Garcia Haddad Mensah Lindqvist Rossi Tanaka Okonkwo O'Brien Kowalski Ahmadi "
    "Fernandez Solberg Patel Novak Rahman Silva Washington Murphy Demir Wisniewska Dubois Khan Nielsen Lin Adeyemi"
)
WITH_NAME = (
    "My name is {full} and I would like to change my booking.",
    "Please send the contract to {full} before Friday.",
    "{first} told me that the invoice was never paid.",
    "I spoke with Mr. {last} about the leak in the kitchen.",
    "can you write an email to {low} about the delay",
    "Dr. {last} prescribed 20 mg, is that too much?",
    "The patient, {full}, was admitted on Monday with a fever.",
    "Summarise what {first} and {second} agreed on in the meeting.",
    "Who is {full}, and does she still work at the bank?",
    "Best regards,\n{full}",
)
WITHOUT_NAME = (
    "What is the capital of France, and how far is it from Berlin?",
    "Write a poem about April in Paris.",
    "The Tesla Model 3 was delivered on Monday, May 5.",
    "Explain how Python handles memory compared with Java.",
    "Does Amazon deliver to Jordan on Sundays?",
    "Will you mark the file as read, please?",
    "My order from Berlin to Washington has not arrived.",
    "How do I install Django on Ubuntu?",
    "Chase Bank refused my card in Victoria.",
    "Translate 'Good morning' to German and Turkish.",
)
ARABIC_FIRST = "أحمد فاطمة محمود خالد ليلى يوسف سارة عمر نورا حسن مريم علي زينب إبراهيم هدى طارق رانيا سامي دينا كريم"
ARABIC_LAST = (
    "المنصوري العتيبي الحربي التميمي الشمري القاسمي السعدي المصري الحلبي البغدادي الزهراني النجار الخطيب حداد منصور سالم"
    " درويش خوري عباس جابر"
)
ARABIC_WITH_NAME = (
    "مرحبا، اسمي {full} وأريد تغيير موعد الحجز.",
    "أرسل العقد إلى السيد {full} قبل يوم الجمعة.",
    "قال لي {first} إن الفاتورة لم تدفع.",
    "تحدثت مع الدكتورة {first} عن نتيجة التحليل.",
    "هل يمكنك كتابة رسالة إلى زميلي {first} عن التأخير؟",
    "وصل {first} بن {second} إلى المستشفى يوم الاثنين.",
    "من هو عبد الرحمن {last} وأين يعمل الآن؟",
    "لخص ما اتفق عليه {full} في الاجتماع.",
    "المريض {full} يعاني من الحمى.",
    "التقيت أبو {first} أمس في السوق.",
)
ARABIC_WITHOUT_NAME = (
    "ما هي عاصمة فرنسا وكم تبعد عن برلين؟",
    "اكتب قصيدة عن الربيع في دمشق.",
    "كيف أثبت البرنامج على الحاسوب؟",
    "السيد المدير لم يرد على الرسالة.",
    "أريد السفر إلى أبو ظبي في شهر مايو.",
    "هل تعمل المكتبة يوم الأحد؟",
    "اسمه غير معروف عند الموظفين.",
    "ترجم صباح الخير إلى الألمانية.",
    "الدكتور الذي سألته لم يجب.",
    "رقم الطلب لا يظهر في الصفحة.",
)

Sample = tuple[str, list[str]]


def samples(language: str, count: int) -> list[Sample]:
    """Return texts with the names that are in them, half of them with none."""
    chance = random.Random(17)
    english = language == "en"
    firsts, lasts = (FIRST.split(), LAST.split()) if english else (ARABIC_FIRST.split(), ARABIC_LAST.split())
    named, plain = (WITH_NAME, WITHOUT_NAME) if english else (ARABIC_WITH_NAME, ARABIC_WITHOUT_NAME)
    found: list[Sample] = []
    for number in range(count):
        if number % 2:
            found.append((chance.choice(plain), []))
            continue
        first, second, last = chance.choice(firsts), chance.choice(firsts), chance.choice(lasts)
        given = {
            "first": first, "second": second, "last": last, "full": f"{first} {last}", "low": f"{first} {last}".lower(),
        }  # fmt: skip
        form = chance.choice(named)
        found.append((form.format(**given), _in(form, given)))
    return found


def _in(form: str, given: dict[str, str]) -> list[str]:
    if "بن " in form:
        return [f"{given['first']} بن {given['second']}"]
    if "عبد " in form:
        return [f"عبد الرحمن {given['last']}"]
    if "أبو {" in form:
        return [f"أبو {given['first']}"]
    return [value for name, value in given.items() if "{" + name + "}" in form]


def measure(report: Report, language: str, count: int) -> list[object]:
    """Count names that were found, in part or whole, and findings that are none; add the results, return a row."""
    right = missed = wrong = 0
    waits = []
    for text, expected in samples(language, count):
        begun = time.perf_counter()
        found = [text[one.start : one.end] for one in personal.find(text, further=finders()) if one.kind == KIND]
        waits.append((time.perf_counter() - begun) * 1000)
        hit = [name for name in expected if any(one in name or name in one for one in found)]
        right += len(hit)
        missed += len(expected) - len(hit)
        wrong += sum(not any(one in name or name in one for name in expected) for one in found)
    precision, recall = right / max(1, right + wrong), right / max(1, right + missed)
    report.add(f"precision.{language}", precision, "share")
    report.add(f"recall.{language}", recall, "share")
    report.add(f"ms_p50.{language}", median(waits), "ms")
    return [language, right + missed, precision, recall, median(waits)]


def main() -> None:
    """Measure both languages."""
    chosen = options(__doc__.splitlines()[0] if __doc__ else None).parse_args()
    report = Report("names")
    languages = ["ar"] if model_folder() is None else ["en", "ar"]
    rows = [measure(report, language, 400 if chosen.quick else 2000) for language in languages]
    report.table("Names", ["language", "names", "precision", "recall", "ms a text"], rows)
    report.finish(chosen.json)


if __name__ == "__main__":
    main()
