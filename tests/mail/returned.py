"""Mails that come back, made up after those of real servers: what they report stands in their last arguments."""

FIRST = "0123456789abcdef0123456789abcdef01234567@gdx.example.jp"
BOUNCES = "bounce+0123456789abcdef0123456789abcdef01234567@gdx.example.jp"


def postfix(
    message_id: str = FIRST,
    to: str = "seminar@gdx.example.jp",
    action: str = "failed",
    status: str = "5.1.1",
    diagnostic: str = "smtp; 550 5.1.1 <kikaku@city.example.lg.jp>: Recipient address\r\n    rejected: User unknown",
    headers_only: bool = False,
) -> bytes:
    kind = "text/rfc822-headers" if headers_only else "message/rfc822"
    body = "" if headers_only else "\r\n44GT44KT44Gr44Gh44Gv\r\n"
    return f"""Return-Path: <>\r
Delivered-To: {to}\r
Date: Mon, 01 Dec 2025 10:05:00 +0900\r
From: MAILER-DAEMON@mx.example.jp (Mail Delivery System)\r
Subject: Undelivered Mail Returned to Sender\r
To: {to}\r
Auto-Submitted: auto-replied\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status;\r
\tboundary="4Xyz.1764550000/mx.example.jp"\r
Message-Id: <20251201010500.4Xyz@mx.example.jp>\r
\r
This is a MIME-encapsulated message.\r
\r
--4Xyz.1764550000/mx.example.jp\r
Content-Description: Notification\r
Content-Type: text/plain; charset=us-ascii\r
\r
This is the mail system at host mx.example.jp.\r
\r
--4Xyz.1764550000/mx.example.jp\r
Content-Description: Delivery report\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mx.example.jp\r
X-Postfix-Queue-ID: 4Xyz\r
Arrival-Date: Mon,  1 Dec 2025 10:00:00 +0900 (JST)\r
\r
Final-Recipient: rfc822; kikaku@city.example.lg.jp\r
Original-Recipient: rfc822;kikaku@city.example.lg.jp\r
Action: {action}\r
Status: {status}\r
Remote-MTA: dns; mail.city.example.lg.jp\r
Diagnostic-Code: {diagnostic}\r
\r
--4Xyz.1764550000/mx.example.jp\r
Content-Description: Undelivered Message\r
Content-Type: {kind}\r
\r
Return-Path: <seminar@gdx.example.jp>\r
From: seminar@gdx.example.jp\r
To: kikaku@city.example.lg.jp\r
Subject: =?utf-8?B?44CQ55Sz6L685a6M5LqG44CR?=\r
Message-ID: <{message_id}>\r
References: <ffffffffffffffffffffffffffffffffffffffff@gdx.example.jp>\r
Content-Type: text/plain; charset=utf-8\r
Content-Transfer-Encoding: base64\r
{body}\r
--4Xyz.1764550000/mx.example.jp--\r
""".encode()


def exchange(message_id: str = FIRST) -> bytes:
    """Names the letter in its References alone; the report has two recipients and an unfinished last part."""
    return f"""From: <postmaster@city.example.lg.jp>
To: <seminar@gdx.example.jp>
Date: Mon, 1 Dec 2025 01:05:00 +0000
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="9B095B5ADSN=_01DC6200AAAA"
X-DSNContext: 335a7efd - 4480 - 00000001 - 80040546
Message-ID: <r9B095B5A@exchange.city.example.lg.jp>
In-Reply-To: <{message_id}>
References: <eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee@gdx.example.jp> <{message_id}>
Subject: =?utf-8?B?6YWN5L+h5LiN6IO9?=: =?utf-8?B?44CQ55Sz6L685a6M5LqG44CR?=

--9B095B5ADSN=_01DC6200AAAA
Content-Type: multipart/alternative; boundary="inner"

--inner
Content-Type: text/html; charset=unicode-1-1-utf-7

<html>x</html>
--inner--

--9B095B5ADSN=_01DC6200AAAA
Content-Type: message/delivery-status

Reporting-MTA: dns;exchange.city.example.lg.jp
Received-From-MTA: dns;mx.example.jp

Final-Recipient: rfc822;archive@city.example.lg.jp
Action: relayed
Status: 2.0.0

Final-Recipient: rfc822;kikaku@city.example.lg.jp
Action: failed
Status: 5.7.1
Diagnostic-Code: smtp;550 5.7.1 RESOLVER.RST.AuthRequired; authentication required
X-Display-Name: =?utf-8?B?5LyB55S76Kqy?=

--9B095B5ADSN=_01DC6200AAAA
Content-Type: message/rfc822
""".encode()


def sendmail(message_id: str = FIRST) -> bytes:
    """Japanese words in ISO-2022-JP around a report that lies within another multipart, as a gateway wraps it."""
    head = b"""Received: from localhost by mail.example.ne.jp; Mon, 1 Dec 2025 10:05:00 +0900
From: Mail Delivery Subsystem <MAILER-DAEMON@mail.example.ne.jp>
To: seminar@gdx.example.jp
Subject: Returned mail: see transcript for details
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

--outer
Content-Type: multipart/report; report-type=delivery-status; boundary="AAA/mail.example.ne.jp"

--AAA/mail.example.ne.jp
Content-Type: text/plain; charset=ISO-2022-JP

"""
    tail = f"""
--AAA/mail.example.ne.jp
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.ne.jp

Final-Recipient: RFC822; kikaku@city.example.lg.jp
Action: failed
Status: 4.2.2
Diagnostic-Code: SMTP; 452 4.2.2 Mailbox full

--AAA/mail.example.ne.jp
Content-Type: text/rfc822-headers

From: seminar@gdx.example.jp
Message-ID: <{message_id}>
Subject: x

--AAA/mail.example.ne.jp--
--outer
Content-Type: text/plain; charset=utf-8

ウイルスは見つかりませんでした。
--outer--
""".encode()
    return head + "メールをお届けできませんでした。\n".encode("iso2022_jp") + tail


def carrier(to: str = BOUNCES, message_id: str = "") -> bytes:
    """A plain text of a mobile carrier: only the address that it came back to says which letter it was."""
    quoted = f"\n--- 元のメール ---\n> Message-Id: <{message_id}>\n" if message_id else ""
    head = f"""From: Postmaster@mobile.example.ne.jp
To: {to}
Subject: =?ISO-2022-JP?B?GyRCJWEhPCVrRzs/LiUoJWkhPBsoQg==?=
Content-Type: text/plain; charset=ISO-2022-JP

"""
    text = f"""次のあて先へのメールは、送信できませんでした。
kikaku@mobile.example.ne.jp
550 : User unknown
{quoted}"""
    return head.encode() + text.encode("iso2022_jp")


def calendar_reply(uid: str, answer: str = "DECLINED", comment: str = "") -> bytes:
    said = f"COMMENT:{comment}\r\n" if comment else ""
    calendar = f"""BEGIN:VCALENDAR\r
PRODID:-//Example//Calendar//JA\r
VERSION:2.0\r
METHOD:REPLY\r
BEGIN:VEVENT\r
UID:{uid}\r
DTSTAMP:20251201T011200Z\r
DTSTART:20251229T050000Z\r
DTEND:20251229T063000Z\r
ORGANIZER:mailto:seminar@gdx.example.jp\r
ATTENDEE;PARTSTAT={answer};CN=Kikaku:mailto:kikaku@city.example.lg.jp\r
{said}END:VEVENT\r
END:VCALENDAR\r
"""
    return f"""From: kikaku@city.example.lg.jp
To: seminar@gdx.example.jp
Subject: Declined: seminar
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=xx

--xx
Content-Type: text/plain; charset=utf-8

{comment}
--xx
Content-Type: text/calendar; charset=UTF-8; method=REPLY

{calendar}
--xx--
""".encode()


def person(to: str = "seminar@gdx.example.jp", subject: str = "質問", more: str = "") -> bytes:
    return f"""From: kikaku@city.example.lg.jp
To: {to}
Subject: {subject}
In-Reply-To: <{FIRST}>
{more}Content-Type: text/plain; charset=utf-8

先日のメールが届きませんでした。550 とは何でしょうか。
""".encode()
