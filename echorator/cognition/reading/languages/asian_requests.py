"""Reads requests to remember and to forget in Chinese and Japanese, which write no blanks."""

from __future__ import annotations

import re

from echorator.cognition.reading.requests import Request, forget, remember

_ZH_REMEMBER = re.compile(
    r"(?:请|請|麻烦|你|帮我|幫我|能|可以|一定要|务必|要|请你|麻煩|好好|永远)*(?:记住|記住|记得|記得|记下|記下|记一下|記一下|备注|别忘了|別忘了|不要忘记|不要忘記|别忘记|请注意|记在心里|记着|"
    r"保存)[\uff0c,:\uff1a\s]*(?P<what>.*)$",
    re.DOTALL,
)
_ZH_BEHIND = re.compile(
    r"(?P<what>.{3,}?)[\uff0c,\u3002!\uff01\s]+(?:请|請|你要|帮我|你|要)*(?:记住|記住|记下来|记一下|记下|别忘了|不要忘记|不要忘了|别忘记|记牢)(?:这个|这一点|这点|了|哦|吧|"
    r"啊|好吗)*[\u3002.!\uff01?\uff1f]*$",
    re.DOTALL,
)
_ZH_FORGET = re.compile(
    r"(?:请|請|麻烦|你|帮我|可以|能不能|能)*(?:忘记|忘記|忘掉|忘了|删除|刪除|删掉|清除|清空|抹去)(?P<what>.*)$", re.DOTALL
)
_ZH_MOVED = re.compile(
    r"(?:请|請|你|帮我|麻烦)*(?:把|将)(?P<what>.+?)(?:从你的记忆里|全部|都)*(?:忘掉|忘记|忘了|删除|删掉|清除|删了)(?:吧|了|掉)*[\u3002.!\uff01?\uff1f]*$",
    re.DOTALL,
)
_ZH_ALL = re.compile(
    r"(?:一切|所有(?:的)?(?:东西|事情|信息|记忆|数据|内容)?|全部|你的记忆|关于我的(?:一切|所有.*|全部.*)|你(?:所)?知道的(?:关于我的)?(?:一切|所有.*)|我的(?:所有|全部)(?:信息|数据)|有关我的一切)"
)
_ZH_LAST = re.compile(r"(?:这个|这件事|那个|这些|刚才(?:说)?的(?:话|内容|事)?|我刚才说的(?:话|内容)?|上一句(?:话)?)")
_ZH_NO = re.compile(r"(?:我|你还|你记得|你忘|他|她|别|不要|记得吗).*")
_JA_REMEMBER = re.compile(
    r"(?P<what>.+?)(?:ということ|ってこと|と|って|こと)?[をは\u3001\u3002\s]*(?:覚えて(?:おいて|いて|おこう)?|おぼえて(?:おいて|いて)?|記憶して(?:おいて|いて)?|"
    r"メモして(?:おいて)?|忘れないで|忘れないようにして|記録して(?:おいて)?)(?:ね|ください|下さい|くれ|ほしい(?:です)?|くれますか|もらえますか|くれる|よ|です)*[\u3002.!\uff01?\uff1f]*$",
    re.DOTALL,
)
_JA_LEAD = re.compile(
    r"^(?:覚えて(?:おいて|いて)?(?:ください|ね)?|メモ|忘れないで(?:ください|ね)?)[\u3001,:\uff1a\u3002]\s*(?P<what>.+)$", re.DOTALL
)
_JA_FORGET = re.compile(
    r"(?P<what>.*?)(?:のこと|について|に関すること)?[をはも\u3001\s]*(?:すべて|全部|全て)?(?:記憶から)?[\u3001\s]*(?:忘れて(?!い|しまった|た|る)|削除して|消して|消去して|"
    r"覚えていなくていい|覚えなくていい)(?:おいて|ほしい(?:です)?|ください|下さい|くれ|ね|よ|いい(?:です)?|くれますか|です)*[\u3002.!\uff01?\uff1f]*$",
    re.DOTALL,
)
_JA_ALL = re.compile(
    r"(?:すべて|全部|全て|.*(?:私|僕|俺)(?:に関する|についての?|の)(?:情報|記憶|データ|知っている)?(?:を)?(?:すべて|全部|全て).*|.*(?:私|僕|俺)について知って(?:い)?ること(?:を)?(?:すべて|全部)?)"
)
_JA_LAST = re.compile(r"(?:それ|これ|そのこと|今の(?:話|こと)?|さっきの(?:話|こと)?|今言ったこと)")
_MARKS = " \u3002.!\uff01?\uff1f\uff0c,\u3001吧了哦呢"


def request_of_asian(sentence: str) -> Request | None:
    """Return the request of a sentence in Chinese or Japanese, or None."""
    text = sentence.strip()
    if re.search(r"[\u3040-ヿ]", text):
        return _japanese(text)
    return _chinese(text)


def _chinese(text: str) -> Request | None:
    if text.endswith(("吗", "吗\uff1f", "吗?", "嗎", "嗎\uff1f")) and not re.match(r"(?:你)?(?:能|可以)", text):
        return None
    found = _ZH_MOVED.fullmatch(text) or _ZH_FORGET.match(text)
    if found is not None and not re.match(r"我", text):
        what = re.sub(r"(?:好吗|可以吗|吗)[?\uff1f]?$", "", found["what"].strip()).strip(_MARKS)
        if _ZH_ALL.fullmatch(what):
            return forget(everything=True)
        if not what or _ZH_LAST.fullmatch(what):
            return forget() if what else None
        return forget(re.sub(r"(?:了)?(?:关于|有关)?(.+?)(?:的(?:事|事情|信息|一切|东西))?$", r"\1", what))
    if _ZH_NO.match(text) and not re.match(r"(?:别忘|不要忘|別忘)", text):
        behind = _ZH_BEHIND.fullmatch(text)
        return remember(behind["what"]) if behind is not None else None
    found = _ZH_REMEMBER.match(text)
    if found is not None:
        what = found["what"].strip(" \uff0c,\u3001")
        if re.match(r"(?:去|买|带|给|打电话|吃药|关|我们上次)", what):
            return None
        pointed = what.strip(_MARKS) in ("", "这个", "这件事", "这一点", "这点")
        return remember("" if pointed else re.sub(r"吗?[?\uff1f]$", "", what))
    behind = _ZH_BEHIND.fullmatch(text)
    return remember(behind["what"]) if behind is not None else None


def _japanese(text: str) -> Request | None:
    lead = _JA_LEAD.match(text)
    if lead is not None:
        return remember(lead["what"])
    found = _JA_REMEMBER.fullmatch(text)
    if found is not None:
        what = found["what"].strip(_MARKS)
        if re.search(r"(?:こと|もの|とき)を?$", what) and re.search(r"[?\uff1f]$", text) and "くれ" not in text and "もらえ" not in text:
            return None
        return remember("" if _JA_LAST.fullmatch(what) else what)
    found = _JA_FORGET.fullmatch(text)
    if found is not None:
        what = found["what"].strip(_MARKS)
        if _JA_ALL.fullmatch(what) or _JA_ALL.fullmatch(text.split("忘れ")[0].split("削除")[0].split("消し")[0].strip(_MARKS + "を")):
            return forget(everything=True)
        if not what or _JA_LAST.fullmatch(what):
            return forget()
        return forget(what)
    return None
