"""Reports in Chinese (simplified): English text to Chinese."""

TABLE: dict[str, str] = {
    "{n} trials; report of {when} by tunesmith {version}": "{n} 次试验；报告时间 {when}，tunesmith {version}",
    "{n} candidates; report of {when} by tunesmith {version}": "{n} 个候选配置；报告时间 {when}，tunesmith {version}",
    "Result": "结果",
    "No trial is complete yet, so there is no result.": "还没有完成的试验，因此没有结果。",
    "Use trial {number}: {params}.": "请使用第 {number} 次试验：{params}。",
    "Expected value of a new run: {value} (there are too few trials for an interval).": (
        "再次运行的期望值：{value}（试验太少，无法给出区间）。"
    ),
    "Expected value of a new run: {value} ({level} interval {between}).": (
        "再次运行的期望值：{value}（{level} 区间 {between}）。"
    ),
    "The best value seen, {naive}, is optimistic by {size} because it was picked for being the best.": (
        "所见最好的值 {naive} 偏乐观 {size}，因为它正是因最好而被选中的。"
    ),
    "The search stopped by itself: {reason}": "搜索自行停止：{reason}",
    "parameter": "参数",
    "parameters": "参数",
    "value": "值",
    "{n} of {all} complete trials are not dominated by any other.": "{all} 次完成的试验中有 {n} 次不被其他试验支配。",
    "The table shows the first {n}.": "表中列出前 {n} 次。",
    "objective {k}": "目标 {k}",
    "trial": "试验",
    "trials": "试验数",
    "What was searched": "搜索范围",
    "minimised": "最小化",
    "maximised": "最大化",
    "The objective is {way}.": "目标：{way}。",
    "There are {n} objectives: {ways}.": "共有 {n} 个目标：{ways}。",
    "range": "范围",
    "state": "状态",
    "What mattered": "哪些参数重要",
    "Above its null line: {names}.": "超过零线的参数：{names}。",
    "No parameter is above its null line: what these trials show of them may all be noise.": (
        "没有参数超过零线：这些试验所显示的差别可能全是噪声。"
    ),
    "importance": "重要性",
    "95 % interval": "95 % 区间",
    "null line": "零线",
    "How the search went": "搜索过程",
    "What it cost": "代价",
    "All trials together cost {total}, the median one {median} (seconds, or the unit that was reported).": (
        "全部试验共耗费 {total}，中位数为 {median}（秒，或上报的单位）。"
    ),
    "{n} trials were stopped early or are paused: {made:,} of {full:,} reports of full runs were made.": (
        "{n} 次试验被提前停止或暂停：完整运行的 {full:,} 次上报中只做了 {made:,} 次。"
    ),
    "Failures": "失败",
    "{n} of {all} trials failed.": "{all} 次试验中有 {n} 次失败。",
    "no reason is known": "原因未知",
    "reason": "原因",
    "the first": "第一次",
    "How to reproduce it": "如何复现",
    "The study's seed is {seed}. With the same seed, sampler and versions, a new study proposes the same.": (
        "研究的种子是 {seed}：用同样的种子、采样器和版本，新的研究会给出同样的建议。"
    ),
    "Versions: {versions}.": "版本：{versions}。",
    "The parameters of the best trial seen:": "所见最好的试验的参数：",
    "Chosen: {params}.": "选中的配置：{params}。",
    "Expected score on new data: {value} ({level} interval {between}).": (
        "在新数据上的期望得分：{value}（{level} 区间 {between}）。"
    ),
    "The default configuration was kept: nothing is credibly better.": "保留默认配置：没有可信的更好配置。",
    "The best candidates": "最好的候选配置",
    "rank": "名次",
    "mean score": "平均得分",
    "deviation": "标准差",
    "The search took {n} fits, and saved {saved} by giving candidates up.": (
        "搜索共训练 {n} 次，因放弃候选配置节省 {saved} 次。"
    ),
    "Its fits on all folds would take about {n} seconds.": "在所有折上的训练约需 {n} 秒。",
    "The search that was fitted:": "所运行的搜索：",
    "This figure is left out: with it, the page would be larger than 3 MB.": "此图略去：否则页面将超过 3 MB。",
}
