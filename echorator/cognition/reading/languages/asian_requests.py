"""Reads requests to remember and to forget in Chinese and Japanese, which write no blanks, by their parts in any order."""

from __future__ import annotations

import re

from echorator.cognition.reading.requests import Request, forget, remember

# Traditional characters as the simplified ones that the patterns are written in; each is one character.
_SIMPLE = str.maketrans(
    "\u8a18\u522a\u95dc\u8acb\u8aaa\u96fb\u8a71\u865f\u78bc\u5225\u7169\u5e6b\u9019\u6703\u55ce\u500b\u6642\u904e\u5f9e\u88e1\u88cf\u8b93\u932f\u8cc7\u7b46\u9304\u5132\u7121\u9700\u5beb\u8b1d\u5c07\u8207\u7576\u6a23\u50b3\u5167\u64e6\u4f86\u9ede\u5011\u554f\u64da\u7d04\u5eab",
    "记删关请说电话号码别烦帮这会吗个时过从里里让错资笔录储无需写谢将与当样传内擦来点们问据约库",
)
_ZH_POLITE = (
    r"(?:请问|请|拜托|麻烦|劳烦|你们?|您|帮我|帮忙|给我|替我|可以|可不可以|能不能|能否|是否|能|能够|要|一定|务必|必须|好好|永远|现在|以后|从现在起|从今以后|希望|我希望|我想|我要|我想让|我需要|让|记得|顺便|还有"
    r"|对了|那么?|嗯|好的?|嗨|哎|重要|[,\uff0c:\uff1a、\s])*"
)
_ZH_KEEP = (
    r"(?:记住|记下来?|记一下|记牢|记着|记好|记得|牢记|谨记|铭记|记在心里|记到|记录一?下?来?|备注一?下?|保存一?下?|存一下|存下来|存起来|写下来|做个?(?:笔记|备注|记录)|留意|请注意|标记一?下?|(?:别|不要"
    r"|千万别|(?<!能)不能|不可以|莫)忘(?:记|掉|了)?)"
)
_ZH_POINT = r"(?:这个|这件事|这一点|这点|以下|如下|一下|下来|这些|我说的|内容|信息)*"
_ZH_REMEMBER = re.compile(rf"{_ZH_POLITE}{_ZH_KEEP}{_ZH_POINT}[\uff0c,:\uff1a\s]*(?P<what>.*)$", re.DOTALL)
_ZH_BEHIND = re.compile(
    rf"(?P<what>.{{3,}}?)[\uff0c,\u3002!\uff01;\uff1b\s]+{_ZH_POLITE}{_ZH_KEEP}{_ZH_POINT}(?:了|哦|吧|啊|呀|好吗|谢谢|喔|可以吗"
    rf"|[,\uff0c])*[\u3002.!\uff01?\uff1f]*$",
    re.DOTALL,
)
_ZH_TASK = re.compile(r"(?:去|买|带|给|打电话|吃药|关(?![于节])|我们上次|那时|小时候|当时|叫我起|提醒我)")
_ZH_ERASE = re.compile(
    r"(?:忘记|忘掉|忘了|忘|删除掉?|删掉|删去|删了|删|清除掉?|清空|清掉|清理掉?|抹去|抹掉|去掉|移除|擦除|擦掉|撤回|销毁|丢掉|拿掉|消除)(?!性)"
)
_ZH_UNKEPT = re.compile(
    r"(?:不要|别|不用|不必|请勿|勿|无需|不需要|没必要|不希望你|不想让?你|不想要你|不愿意?你|不许|停止|不准|不再|不该)(?:再|继续|给我|一直|帮我|把|你|让你|需要|去"
    r"|要)*(?P<between>.{0,12}?)(?:记得|记住|记着|记录|记忆|记|保存|存储|储存|存|保留|知道|留着)"
)
_ZH_PRETENDED = re.compile(
    r"(?:就?当(?:作|成|我)?|假装|装作|权当)(?:我)?(?:从来|从|压根|根本)?(?:没有?|没)(?:跟你|和你|对你|向你|给你)?(?:说过|提过|告诉过你?|讲过|说|提|聊过)(?:关于)?"
)
_ZH_MISLEADING = re.compile(
    r"(?:我(?!不想|不希望|希望|想让|想请|要你|不要|不愿|需要你|住|的|在|刚|说|告诉)|他|她|它|人们|大家|为什么|怎么|如何|怎样|什么|谁|你还?(?:记得|忘)|你是不是|有没有)|.*(?:怎么|如何|为什么).*|.*(?:写一|讲个)"
)
_ZH_DENIED = re.compile(r"(?:别|不要|千万别|(?<!能)不能|不会|不可以|难)忘")
_ZH_WITHOUT = re.compile(
    r"从?你?的?(?:记忆|记录|笔记|数据库|资料库|资料|脑海|大脑|存储|备忘录)(?:里面?|中|库)(?:的)?|(?:请问|请|拜托|麻烦|劳烦|帮我|帮忙|给我|替我|可不可以|能不能|能否|可以|好吗|行吗|可以吗|吧|谢谢"
    r"|现在|马上|立刻|彻底|全部|统统|"
    r"我(?:不)?(?:想|希望|要|愿意?)(?:让|请)?你?|我需要你|把|将|都|掉|再|继续|已经|不要|别|不用|不必|这件事情?|那件事情?|的事情?|过期|不对|不再)|^[你您]"
)
_ZH_REASON = re.compile(
    r"[\uff0c,\u3002;\uff1b!\uff01](?:因为|它|那个|这个已|已经|不|我(?:不|已)|换|没用|过期|错|是错|以后|那是).*$", re.DOTALL
)
_ZH_ALL = re.compile(
    r"(?:一切|所有(?:的)?(?:东西|事情|信息|记忆|数据|内容|资料)?|全部|你?的?(?:全部|所有)?记忆|(?:关于|有关)我的?(?:一切|所有.*|全部.*|信息|资料|数据|事情?|记忆)|"
    r"你?(?:所)?(?:知道|记得|记住|存)的?(?:关于|有关)?我?的?(?:一切|所有.*|全部.*)|我的?(?:所有|全部|一切)(?:的)?(?:信息|数据|资料|事情|记录|个人信息)?|(?:有关|关于)我的(?:一切"
    r"|所有)|我告诉(?:过)?你的(?:一切|所有.*)|我的(?:个人)?(?:数据|信息|资料))"
)
_ZH_LAST = re.compile(
    r"(?:这个|这件事|那个|这些|它|我?刚才(?:说|讲|告诉你)?的?(?:话|内容|事|那句话)?|我?刚刚(?:说)?的?(?:话|内容|事)?|上一句(?:话)?|上一条(?:消息)?|最后一?(?:句|条)话?)"
)
_ABOUT = re.compile(r"^(?:了)?(?:关于|有关|所有|一切|全部)?(?P<what>.+?)(?:的(?:事|事情|信息|一切|东西|资料|记录|内容))?$")

_JA_ASK = (
    r"(?:おいて|いて|おこう)?(?:ね|ください|下さい|くれ(?:る|ない|ます|ません)?|ほしい|欲しい|もらえ(?:ます|ません|る|ない)|いただけ(?:ます|ません|る|ない)|いただきたい|頂け(?:ます|ません)|もらいたい|よ"
    r"|です|か|んです|んだ|が|けど|な|お願い(?:します)?|くださいませ|と助かります|も?いい|構いません|結構|ますか|の|っけ|し|[\u3001,])*"
)
_JA_KEEP = (
    r"(?:覚えて|おぼえて|記憶して|記憶に(?:留めて|入れて|残して)|メモして|メモに残して|メモを?取って|記録して|書き留めて|書いて|控えて|保存して|忘れないで|忘れないようにして|忘れずに(?:いて)?|留めて|頭に入れて|心に留めて"
    r"|登録して|ノートして|残して)"
)
_JA_REMEMBER = re.compile(
    rf"(?P<what>.+?)(?:ということ|ってこと|って|と(?=[覚記メ書控保忘頭心])|こと(?=[をは]?[覚記メ書控保忘]))?[をはも、。\s]*(?:ちゃんと|しっかり|必ず|絶対に?|ずっと|よく|どこかに|ぜひ|記憶に"
    rf"|メモに|あとで使うから|お願い|それを|これを|これ|それ|そのこと|[,\u3001\u3002])*{_JA_KEEP}{_JA_ASK}[\u3002.!\uff01?\uff1f]*$",
    re.DOTALL,
)
_JA_POINTED = re.compile(
    rf"(?:これ|それ|今の|このこと|そのこと|この話)?[をはも、]*(?:ちゃんと|しっかり|必ず|絶対に?|ずっと|よく)*{_JA_KEEP}{_JA_ASK}[\u3002.!\uff01?\uff1f]*$"
)
_JA_LEAD = re.compile(
    rf"^(?:これ|次のこと|以下|大事なこと|重要)?[をはも、:\uff1a]*(?:{_JA_KEEP}{_JA_ASK}|メモ|覚え書き|念のため|備忘)[\u3001,:\uff1a\u3002\s]+\s*(?P<what>.+)$",
    re.DOTALL,
)
_JA_ERASE = re.compile(
    r"(?:忘れて(?!い|しま|た|る|ない)|忘れ(?:ろ|るように)|忘れることは?(?:でき|可能)|削除(?:して|を?お願い|を?願い|でき|希望)|消して|消去(?:して|を?お願い|でき)|消せ|抹消して|取り除いて|除いて"
    r"|外して|破棄して|クリアして|リセットして|白紙に|捨てて)"
)
_JA_UNKEPT = re.compile(
    r"(?:覚え(?:てい|てお|ておか)?(?:なくて|ないで|ておかなくて|ておかないで)|おぼえ(?:てい)?(?:なくて|ないで)|覚えておか(?:なくて|ないで)|覚えている必要は|記憶し(?:なくて|ないで)"
    r"|記憶(?:に)?(?:残さ|留め)(?:なくて|ないで)|(?:保存|記録|メモ|登録)し(?:なくて|ないで|ておかないで)|残さ(?:なくて|ないで)|覚えるのを?やめて|覚え続けないで|知らない(?:こと|ふり))"
)
_JA_PRETENDED = re.compile(
    r"(?:聞かなかった|言わなかった|話さなかった|聞いていない|なかった|知らなかった)(?:こと|ふり|もの)(?:に|を|と)(?:して|思って)|言ってないことに"
)
_JA_MISLEADING = re.compile(
    r".*(?:忘れ(?:まし|た(?!こと)|ません|られ|がち|っぽ|物|もの|ちゃ|てしま|てた)|どうやって|方法|なぜ|どうして(?=.*忘)|やり方|書いて(?:ください|くれ)$)"
)
_JA_WITHOUT = re.compile(
    rf"(?:あなたの)?(?:記憶|メモ|記録|データ(?:ベース)?|ノート|履歴|メモリ)(?:の中)?から|{_JA_ERASE.pattern}|{_JA_UNKEPT.pattern}|{_JA_PRETENDED.pattern}"
    rf"|(?:のこと|について|に関する(?:こと|情報|記憶|データ|メモ)?|に関して|の(?:話|件|情報|記録|データ|メモ))|"
    r"(?:すべて|全部|全て|もう|今すぐ|すぐに?|完全に|ください|下さい|お願い(?:します)?|いただけ(?:ます|ません)か|もらえ(?:ます|ません)か|くれ(?:ます|ません)?か?|ほしい(?:です)?|おいて|いいです?|ね"
    r"|よ|という話|という|ということ|と言ったこと|って言ったこと|結構です|ように|して|します?か?)(?=$|[をはもがにのと、。\s?？]|.)"
)
_JA_ALL = re.compile(
    r"(?:すべて|全部|全て|.*(?:私|僕|俺)(?:に関する|についての?|の)(?:個人)?(?:情報|記憶|データ|知っている|こと)?.*(?:すべて|全部|全て).*|.*(?:私|僕|俺)について知って(?:い)?る?こと.*"
    r"|(?:すべて|全部|全て)の?(?:記憶|データ|情報|メモ).*|(?:記憶|メモリ|データ)(?:を)?(?:すべて|全部|全て|消|リセット|クリア|削除).*)"
)
_JA_LAST = re.compile(
    r"(?:それ|これ|そのこと|今の(?:話|こと|発言)?|さっきの(?:話|こと|発言)?|今言ったこと|さっき言ったこと|直前の.*|最後の.*)"
)
_MARKS = " \u3002.!\uff01?\uff1f\uff0c,\u3001:\uff1a;\uff1b「」"
_KANA = re.compile("[\u3041-\u30ff]")


def request_of_asian(sentence: str) -> Request | None:
    """Return the request of a sentence in Chinese or Japanese, or None."""
    text = sentence.strip()
    return _japanese(text) if _KANA.search(text) else _chinese(text)


def _chinese(text: str) -> Request | None:
    simple = text.translate(_SIMPLE)
    if simple.strip(_MARKS).endswith("吗") and not re.search(r"(?:能|可以|可不可以|好吗|行吗|麻烦|介意)", simple):
        return None
    return _forgets_chinese(simple) or _remembers_chinese(text, simple)


def _forgets_chinese(text: str) -> Request | None:
    pretended, unkept, erased = _ZH_PRETENDED.search(text), _ZH_UNKEPT.search(text), _ZH_ERASE.search(text)
    if _ZH_DENIED.search(text) or (unkept is not None and pretended is None and re.search(r"[,\uff0c\u3002].*记住", text)):
        return None
    if pretended is None and (_ZH_MISLEADING.match(text) or (unkept is None and erased is None)):
        return None
    what = _ZH_REASON.sub("", text)
    for found in (pretended, unkept):
        if found is not None:
            between = found.groupdict().get("between") or ""
            what = what.replace(found.group(), f" {between} ")
    bare = re.sub(_ZH_POLITE, "", what, count=1) if re.match(_ZH_POLITE + "把|" + _ZH_POLITE + "将", what) is None else what
    what = _ZH_ERASE.sub(" ", bare)
    whole = re.sub(r"\s+|[吧了呢哦]", "", _ZH_WITHOUT.sub(" ", what)).strip(_MARKS)
    kept = re.sub(r"\s+", "", re.sub(r"请|麻烦|帮我|把|将|吧$|从你的记忆[里中]?", "", what)).strip(_MARKS + "吧了呢哦")
    if any(_ZH_ALL.fullmatch(each) for each in (whole, kept)):
        return forget(everything=True)
    if not whole or _ZH_LAST.fullmatch(whole):
        return forget() if whole or unkept or pretended else None
    about = _ABOUT.match(whole)
    return forget(about["what"] if about is not None else whole)


def _remembers_chinese(text: str, simple: str) -> Request | None:
    behind = _ZH_BEHIND.fullmatch(simple)
    if re.match(r"(?:我(?!希望|想|要你|需要)|他|她)", simple) or re.match(r"你还?(?:记得|忘)", simple):
        return remember(text[: behind.end("what")]) if behind is not None else None
    found = _ZH_REMEMBER.match(simple)
    if found is not None and not re.match(r"你?(?:还)?记得", simple[: found.start("what")].replace("请", "") if "吗" in simple else "-"):
        what = text[found.start("what") :].strip(" \uff0c,\u3001:\uff1a")
        if _ZH_TASK.match(what):
            return None
        pointed = what.strip(_MARKS + "了哦吧啊呀") in ("", "这个", "这件事", "这一点", "这点", "好吗", "谢谢")
        return remember("" if pointed else re.sub(r"(?:好吗|可以吗|吗)?[?\uff1f]$", "", what).rstrip("\uff0c, "))
    return remember(text[: behind.end("what")]) if behind is not None else None


def _japanese(text: str) -> Request | None:
    pretended, unkept, erased = _JA_PRETENDED.search(text), _JA_UNKEPT.search(text), _JA_ERASE.search(text)
    if pretended is not None or unkept is not None or (erased is not None and not _JA_MISLEADING.match(text)):
        return _forgets_japanese(text)
    if _JA_POINTED.fullmatch(text):
        return remember("")
    lead = _JA_LEAD.match(text)
    if lead is not None:
        return remember(lead["what"])
    found = _JA_REMEMBER.fullmatch(text)
    if (
        found is None
        or _JA_MISLEADING.match(text)
        or re.search(r"(?:詩|手紙|物語|メール|文章|作文|コード|小説)を?$", found["what"].strip(_MARKS))
    ):
        return None
    what = found["what"].strip(_MARKS)
    if re.search(r"(?:こと|もの|とき)を?$", what) and re.search(r"[?\uff1f]$", text) and not re.search("くれ|もらえ|いただけ", text):
        return None
    if re.search(r"覚えて(?:る|い(?:る|ます))", text):
        return None
    return remember("" if _JA_LAST.fullmatch(what) else what)


def _forgets_japanese(text: str) -> Request | None:
    reason = re.split(r"(?<=[いすだ])(?:から|ので)[\u3001,]?", text)
    said = reason[-1] if len(reason) > 1 and len(reason[-1]) > 4 and _JA_ERASE.search(reason[-1]) else text
    if _JA_ALL.fullmatch(_JA_ERASE.split(said)[0].strip(_MARKS + "を")):
        return forget(everything=True)
    what = re.sub(r"\s+", " ", _JA_WITHOUT.sub(" ", said)).strip(_MARKS + "をはもがにのと")
    if _JA_ALL.fullmatch(what):
        return forget(everything=True)
    if not what or _JA_LAST.fullmatch(what):
        return forget()
    return forget(what)
