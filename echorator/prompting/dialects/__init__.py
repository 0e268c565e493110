"""How models write thoughts and tool calls: found out for each chat template, read from answers, and written as grammars.

Pure, but for the render function of the template that `inferring` is given. Fed and read by `agent`.
"""
