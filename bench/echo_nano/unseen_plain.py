"""Exact answers on names and values that training cannot have produced: made-up words of four syllables (training drew at most three)."""
import json, random, sys
import llama_cpp
from bench.echo_nano import corpus
llm = llama_cpp.Llama(sys.argv[1], n_ctx=1024, n_threads=2, verbose=False)
corpus_word, pools = corpus.word, ("colour","food","drink","job","hobby","music","name","petname","city","language","season")
corpus.word = lambda rng, low=4, high=4: corpus_word(rng, 4, 4)
def fact(rng):
    while True:
        f = corpus.fact(rng, 1.0)
        if not any(m in f.said for m in corpus._MONTHS) and not any(d in f.said for d in ("day is","Monday","Tuesday","Wednesday","Thursday","Friday","Saturday","Sunday")) and not any(c.isdigit() for c in f.said): return f
def facts(rng, n):
    out = {}
    while len(out) < n:
        f = fact(rng); out.setdefault((f.key[0], f.key[1].replace("favorite color","favourite colour")), f)
    return list(out.values())
def ask(t): return llm.create_chat_completion([dict(role=a, content=b) for a, b in t], temperature=0, max_tokens=80)["choices"][0]["message"]["content"]
rng = random.Random(31337); score = {}
for n in (1, 4, 8):
    hit = 0
    for _ in range(100):
        k = facts(rng, n); f = rng.choice(k); hit += ask([("system", corpus.memory_system(rng, k)), ("user", f.asked)]) == f.told
    score[n] = hit
hit = 0
for _ in range(100):
    p = facts(rng, 5); hit += ask([("system", corpus.memory_system(rng, p[:4])), ("user", p[4].asked)]) == p[4].unknown
score["absent_4"] = hit
print(score); f = fact(rng); print(f.said, '|', f.asked, '->', ask([("system", corpus.memory_system(rng,[f])),("user",f.asked)]))
