"""The texts that the scripts of the pages show, translated where the page is rendered."""

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from streaming.protocol.codes import FaultCode


def _line_strings() -> dict[str, str]:
    """Return what `static/aura/chat/line.js` says of the connection."""
    return {
        "connecting": _("Connecting…"),
        "connected": _("Connected"),
        "waiting": _("Line lost"),
        "offline": _("Offline: the conversation goes on when the network is back"),
        "tryingIn": _("next try in {seconds} s"),
        "tryNow": _("Try now"),
        "refused": _("The server refused the connection: {reason}"),
        "refusedPlain": _("The server refused the connection."),
        "reload": _("Reload the page"),
        "signedOut": _("You are signed out."),
        "signIn": _("Sign in"),
    }


def _fault_strings() -> dict[str, str]:
    """Return what happened and what to do, by the number of a fault and by its name, as the record has it.

    The server's own words are English and say it more exactly: who reads English is shown those alone.
    """
    if (get_language() or "en").startswith("en"):
        return {}
    again = _("The answer broke off. Ask again.")
    busy = _("Too much is asked at once. Wait a moment and ask again.")
    failed = _("The model's service failed. Ask again, or choose another tier.")
    said = {
        FaultCode.MALFORMED: _(
            "This question cannot be answered as it was asked. Change it, or begin a new conversation."
        ),
        FaultCode.UNKNOWN_STREAM: _("This answer is not there any more. Ask again."),
        FaultCode.RESUME_IMPOSSIBLE: again,
        FaultCode.TOO_LARGE: _(
            "This is too long, with its files or with what was said before. Shorten it, or begin a new conversation."
        ),
        FaultCode.TOO_MANY_STREAMS: busy,
        FaultCode.RATE_LIMITED: busy,
        FaultCode.OVERLOADED: busy,
        FaultCode.NO_MODEL: _("No model can answer this. Choose another tier, or tell the operator."),
        FaultCode.PROVIDER_FAILED: failed,
        FaultCode.PROVIDER_CUT: again,
        FaultCode.PROVIDER_TIMEOUT: failed,
        FaultCode.BUDGET_EXHAUSTED: _(
            "The budget of today is used up. Ask tomorrow, choose a cheaper tier, or tell the operator."
        ),
        FaultCode.INTERRUPTED: again,
        FaultCode.INTERNAL: _("AURA could not give this answer. Ask again; if it fails again, tell the operator."),
        FaultCode.EMPTY_PROMPT: _("Write something first."),
        FaultCode.NOT_ALLOWED: _("This is not allowed for your account."),
    }
    return {f"fault_{name}": text for code, text in said.items() for name in (code.value, code.label)}


def chat_strings() -> dict[str, str]:
    """Return the texts by the names that `static/aura/chat/` uses. `{name}` stands for a value."""
    return {
        **_line_strings(),
        **_fault_strings(),
        "you": _("You"),
        "model": _("Model"),
        "thinking": _("Thinking…"),
        "tentative": _("Tentative:"),
        "waitingForLine": _("This is asked as soon as the line is back."),
        "demo": _("demo model"),
        "demoHelp": _("This small model runs inside AURA and is often wrong: the operator can configure a better one."),
        "free": _("free"),
        # xgettext:no-python-format
        "saved": _("{percent} % saved"),
        # xgettext:no-python-format
        "larger": _("{percent} % more"),
        "bytes": _("{before} → {after} B"),
        "savedHelp": _("Text of this visit, and what it took on the wire. Libraries took {library} B more, once."),
        "comma": _(", "),
        "firstToken": _("first token {ms} ms"),
        "template": _("template"),
        "brotli": _("Brotli"),
        "raw": _("raw"),
        "modelCoding": _("model"),
        "cancelled": _("Stopped."),
        "left": _("The page stops here: the record has the rest."),
        "length": _("The answer was cut at its greatest length."),
        "copy": _("Copy"),
        "copied": _("Copied"),
        "code": _("code"),
        "table": _("table"),
        "retry": _("Ask again"),
        "retryIn": _("Ask again in {seconds} s"),
        "edit": _("Edit"),
        "editHelp": _("This becomes another version: what follows is answered anew, and the record keeps both."),
        "yourQuestion": _("Your question"),
        "send": _("Send"),
        "versionOf": _("Version {number} of {count}"),
        "versionBefore": _("Version before this one"),
        "versionAfter": _("Version after this one"),
        "finished": _("The answer is complete."),
        "failed": _("The answer failed."),
        "empty": _("No conversations yet"),
        "untitled": _("Untitled"),
        "notLoaded": _("The conversation could not be loaded."),
        "tryAgain": _("Try again"),
        "noPictures": _("{name}: no model that is configured here takes pictures."),
        "tooManyPictures": _("{name}: a question takes {limit} pictures at most."),
        "pictureUnread": _("{name}: this is no picture that can be read, or not one that can be made small enough."),
        "picture": _("Picture"),
        "pictureGone": _("A picture, of which the record keeps the hash"),
        "tooLarge": _("{name}: a question takes files of {limit} KB at most."),
        "questionTooLong": _("A question has {limit} KB at most, with its files: shorten it, or send it in parts."),
        "noText": _("{name}: only files of text can be attached."),
        "detach": _("Take {name} away"),
        **_list_strings(),
        **_detail_strings(),
        **_key_strings(),
        **_voice_strings(),
    }


def _list_strings() -> dict[str, str]:
    """Return what is said of conversations: their list, their titles, the links to them."""
    return {
        "chat": _("Chat"),
        "found": _("Conversations found: {count}"),
        "nothingFound": _("Nothing found"),
        "rename": _("Rename"),
        "title": _("Title"),
        "share": _("Share"),
        "print": _("Print"),
        "remove": _("Take off the list"),
        "removed": _("It is off the list. The record keeps it."),
        "undo": _("Undo"),
        "notDone": _("This could not be done. Try again in a moment."),
        "cancel": _("Cancel"),
        "save": _("Save"),
        "close": _("Close"),
        "loading": _("Loading…"),
        "shareHelp": _(
            "Who is signed in here and has the link reads the conversation as it is now, not what follows. Each look is "
            "recorded, and you can revoke the link."
        ),
        "newLink": _("Make a link"),
        "link": _("Link"),
        "revoke": _("Revoke"),
        "linkOver": _("This link does not count, or does not count any more."),
        "sharedBy": _("Shared by {name}. That you looked is recorded."),
        "bannerWaiting": _("The line is lost. What you ask meanwhile is sent as soon as it is back."),
        "bannerOffline": _("There is no network. What you ask meanwhile is sent as soon as it is back."),
        "bannerRefused": _("The server does not take this page's connection. What is shown stays here."),
        "bannerSignedOut": _("You are signed out. What is shown stays here; sign in again to ask."),
        "lineBack": _("The line is back, and the conversation goes on."),
    }


def _detail_strings() -> dict[str, str]:
    """Return what `static/aura/chat/details.js` says of an answer."""
    return {
        "details": _("Details"),
        "detail_model": _("Model"),
        "detail_tier": _("Tier"),
        "detail_reason": _("Why"),
        "detail_tokens": _("Tokens"),
        "detail_cost": _("Cost"),
        "detail_times": _("Times"),
        "detail_wire": _("On the wire"),
        "detail_asked": _("Asked"),
        "detail_proof": _("Proof"),
        "tokensOf": _("{prompt} asked, {answer} answered"),
        "timesOf": _("first token after {first} ms, all after {whole} ms"),
        "notOnRecord": _("The record has nothing of this answer (any more)."),
        "noProof": _("There is one once the answer has ended."),
        "isProven": _(
            "This browser has checked that {count} of {all} entries of this turn are under the signed head of {size} "
            "entries of {when}:"
        ),
        "notProven": _("The proof does not fit the signed head of {size} entries of {when}: tell the operator."),
    }


def _key_strings() -> dict[str, str]:
    """Return what the keys of the chat do."""
    return {
        "keys": _("Keys"),
        "keysOn": _("Single keys count, where nothing is written"),
        "keySend": _("Send the question"),
        "keyLine": _("Begin another line"),
        "keyStop": _("Stop the answer, or close what is open"),
        "keySearch": _("Search the conversations"),
        "keyNew": _("New conversation"),
        "keyWrite": _("Go to the question"),
        "keyEdit": _("Edit the last question"),
        "keyCopy": _("Copy the last answer"),
        "keyAgain": _("Ask the last question again"),
        "keyHelp": _("Show the keys"),
    }


def _voice_strings() -> dict[str, str]:
    """Return what `static/aura/chat/voice_panel.js` says."""
    return {
        "voice_off": _("The microphone is off."),
        "voice_opening": _("Waiting for the microphone…"),
        "voice_listening": _("Listening"),
        "voice_hearing": _("Hearing you"),
        "voice_thinking": _("Thinking…"),
        "voice_speaking": _("Speaking"),
        "voice_waiting": _("Line lost"),
        "voiceTimes": _("first sound after {ms} ms"),
        "voiceDenied": _("The browser may not use the microphone: allow it in the page's settings."),
        "voiceNoMicrophone": _("There is no microphone."),
        "voiceBusy": _("Another program is using the microphone."),
        "voiceInsecure": _("A page may use the microphone only over HTTPS, or from this very machine."),
        "voiceFailed": _("The microphone cannot be used: {reason}"),
        "voiceMissing": _("Speech is not understood on this server."),
        "voiceElsewhere": _("You are talking in another window now."),
    }


def console_strings() -> dict[str, str]:
    """Return the texts by the names that `static/aura/console/` uses."""
    return {
        **_line_strings(), **_fault_strings(), **_answer_strings(), **_trouble_strings(), **_figure_strings(),
        **_wire_strings(),
    }  # fmt: skip


def _answer_strings() -> dict[str, str]:
    return {
        "ready": _("Ready: each question is a request of its own"),
        "closed": _("Disconnected"),
        "connect": _("Connect"),
        "disconnect": _("Disconnect"),
        "answerText": _("Text of the answer"),
        "answerTo": _("Answer to: {question}"),
        "answer_waiting": _("waiting"),
        "answer_running": _("streaming"),
        "answer_paused": _("paused"),
        "answer_done": _("done"),
        "answer_failed": _("failed"),
        "pause": _("Pause"),
        "resume": _("Go on"),
        "cancel": _("Cancel"),
        "cancelled": _("Stopped."),
        "length": _("The answer was cut at its greatest length."),
        "leftAnswer": _("You left: the server ends it when nobody comes back."),
        "firstToken": _("first token {ms} ms"),
        "speed": _("{count} tokens/s"),
        "bytes": _("{before} → {after} B"),
        "chunkCount": _("{count} chunks"),
        "checkFits": _("the whole text fits its check"),
        "checkFails": _("the text does not fit its check"),
        "finished": _("The answer is complete."),
        "failed": _("The answer failed."),
        "brokeTooOften": _("The line broke too often. Ask again."),
        "nonsense": _("What came makes no sense. Look at the last message of the log."),
    }


def _trouble_strings() -> dict[str, str]:
    return {
        "incident_cut": _("Line cut at offset {offset}, {characters} characters shown."),
        "incident_cutIdle": _("Line cut while nothing was coming."),
        "incident_cutNothing": _("No request is running: there is no line to cut."),
        "incident_again": _("Asked for the rest from offset {offset}."),
        "incident_back": _(
            "Back after {milliseconds} ms at offset {offset}: {twice} chunks came twice, {missing} are missing."
        ),
        "incident_goesOn": _("Sent again from offset {offset}: {twice} chunks came twice, {missing} are missing."),
        "incident_anew": _(
            "HTTP cannot go on where it stood: after {milliseconds} ms the same key gave the same answer from its "
            "beginning, {twice} chunks again."
        ),
        "incident_backIdle": _("Back after {milliseconds} ms."),
        "incident_armedIn": _("The next chunk will be damaged."),
        "incident_armedOut": _("The next question will be damaged."),
        "incident_damaged": _("One bit of byte {byte} of a {name} frame was turned."),
        "incident_caught": _("Caught: the chunk does not fit its check. Nothing of it is shown."),
        "incident_caughtByServer": _("Caught: the server says that the question does not fit its check."),
        "incident_askedAgain": _("The question was sent again."),
        "incident_whole": _("The answer is whole: {twice} chunks twice, {missing} missing."),
        "incident_notWhole": _("The answer is not whole: {twice} chunks twice, {missing} missing."),
        "incident_fault": _("The server says: {message}"),
    }


def unit_strings() -> dict[str, str]:
    """Return numbers with their units, as `static/aura/console/units.js` and the charts write them."""
    return {
        "ms": _("{value} ms"),
        "perSecond": _("{value}/s"),
        "bytesPerSecond": _("{value} B/s"),
        "unitB": _("{number} B"),
        "unitkB": _("{number} kB"),
        "unitMB": _("{number} MB"),
        "smaller": _("{before} → {after}"),
        "atMost": _("≤ {value}"),
    }


def _figure_strings() -> dict[str, str]:
    return {
        "startTest": _("Start the test"),
        "stopTest": _("Stop the test"),
        "roundTrip": _("round trip"),
        **unit_strings(),
        "heartbeatSays": _("Round trips, the longest {peak} ms"),
        "heartbeatResult": _("Half of the round trips took {median} or less; {lost} lost."),
        "received": _("received"),
        "sent": _("sent"),
        "framesSay": _("Messages in a second: at most {down} received, {up} sent"),
        "bytesSay": _("Bytes in a second: at most {down} received, {up} sent"),
        "seconds": _("up {count} s"),
        "draining": _("draining"),
        "openOfAll": _("{open} open, {all} in all"),
        "topic_waiting": _("waiting"),
        "topic_open": _("subscribed"),
        "topic_closed": _("ended"),
        "unsubscribe": _("Unsubscribe"),
        "eventsOf": _("Events of {topic}"),
        "topicFacts": _("offset {offset} · {received} events · {passed} left out by the filter"),
        "here": _("here: {users}"),
        "published": _("Published as offset {offset}."),
        "stat_process": _("Process"),
        "stat_connections": _("Connections"),
        "stat_streams": _("Streams"),
        "stat_framesSent": _("Frames sent"),
        "stat_coding": _("Texts on the wire"),
    }


def _wire_strings() -> dict[str, str]:
    return {
        "shownOf": _("{shown} of {all}"),
        "hold": _("Hold"),
        "holding": _("Held"),
        "holdingWith": _("Held, {count} more"),
        "channel": _("channel {channel}"),
        "size": _("{size} bytes"),
        "damagedHere": _("This is what arrived: one bit was turned on purpose."),
        "noFrame": _("This is no frame: {error}"),
        "asText": _("The message as text"),
        "partsOf": _("Parts of the frame"),
        "bytesOf": _("Bytes of the message"),
        "moreBytes": _("{count} more bytes are in the export."),
        "libraryIndex": _("library {index} of this session"),
        "column_part": _("Part"),
        "column_place": _("Bytes"),
        "column_value": _("Value"),
        "column_meaning": _("Meaning"),
        "part_head": _("type and channel"),
        "part_count": _("how many chunks are joined"),
        "part_check": _("finds damage"),
        "part_method": _("how the text is coded"),
        "part_template": _("which template"),
        "part_length": _("bytes of the next slot"),
        "part_slot": _("what fills the slot"),
        "part_text": _("the text, as coded"),
        "part_tag": _("names the field"),
        "part_value": _("its value"),
        "part_data": _("sent back as it came"),
        "part_unknown": _("cannot be read"),
        "coding_method": _("Method"),
        "coding_template": _("Template"),
        "coding_ratio": _("Size"),
        "coding_text": _("Text"),
        "coding_problem": _("Problem"),
    }


def _job_fault_strings() -> dict[str, str]:
    """Return why a job failed, by the name of the fault; as for answers, who reads English is shown the server's words."""
    if (get_language() or "en").startswith("en"):
        return {}
    busy = _("Too much is asked at once. Wait a moment and start again.")
    over = _("That job is over, or not kept any more.")
    said = {
        FaultCode.MALFORMED: _("The data cannot be read, or a value lies outside its limits."),
        FaultCode.TOO_LARGE: _("The data is larger than this server takes."),
        FaultCode.NOT_ALLOWED: _("This is not allowed for your account."),
        FaultCode.UNKNOWN_STREAM: over,
        FaultCode.RESUME_IMPOSSIBLE: over,
        FaultCode.CONFLICT: _("Another page has taken this job up."),
        FaultCode.OVERLOADED: busy,
        FaultCode.TOO_MANY_STREAMS: busy,
        FaultCode.RATE_LIMITED: busy,
        FaultCode.INTERNAL: _("AURA could not do this. Start again; if it fails again, tell the operator."),
    }
    return {f"fault_{code.label}": text for code, text in said.items()}


def dataset_strings() -> dict[str, str]:
    """Return the texts by the names that `static/aura/datasets/` uses. `{name}` stands for a value."""
    return {
        **_job_fault_strings(),
        "choose": _("Choose a file, or write some text."),
        "emptyFile": _("{name} is empty: choose another file."),
        "unreached": _("The server does not answer. Try again in a moment."),
        "making": _("Preparing…"),
        "working": _("Working"),
        "dropped": _("The line was dropped. It comes back in a moment."),
        "resumed": _("The line is back, and the work goes on where it stood."),
        "lost": _("The line was lost. AURA tries again."),
        "chooseAgain": _("{done} of {whole} were uploaded. Choose the same file again to send the rest."),
        "otherFile": _("This is another file: that of the job has {whole}. Choose that one, or cancel."),
        "forgotten": _("That job is over, or not kept any more."),
        "done": _("Done: {size} in {seconds} s."),
        "cancelled": _("Cancelled."),
        "failed": _("This failed: {reason}"),
        "uploaded": _("{done} of {whole} uploaded"),
        "worked": _("{done} of {whole} worked through"),
        "rate": _("{rate} MB/s"),
        "whole": _("{count} results, none missing and none twice; lines dropped: {drops}"),
        "gap": _("Results are missing or came twice at byte {position}."),
        "novel": _("byte {position}: {novelty}"),
        "unitB": _("{number} B"),
        "unitKB": _("{number} KB"),
        "unitMB": _("{number} MB"),
        "unitGB": _("{number} GB"),
    }
