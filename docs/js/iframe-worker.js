/* The theme's search runs in a worker. This changes three things of it, by the messages that page and worker send:
   a query is asked with the other words for the same; one that finds nothing is asked again with room for a typing error in each word; and in a page that was opened
   from the disk, which may start no worker, the search runs in an empty frame of the page. The theme asks for
   window.IFrameWorker in that frame, and finds its own folder by the script that stands there. */
(() => {
  const QUERY = 2
  const RESULT = 3

  // Words for the same, of textbooks and of these pages.
  const SAME = [
    ["批大小", "批量大小", "批次大小", "batch size", "batch_size"],
    ["学习率", "学习速率", "learning rate", "learning_rate"],
    ["网格搜索", "grid search", "GridSearchCV"],
    ["随机搜索", "random search", "RandomizedSearchCV"],
    ["超参数", "超参", "hyperparameter"],
    ["早停", "提前停止", "early stopping", "剪枝", "pruning"],
    ["随机失活", "丢弃率", "dropout"],
    ["贝叶斯优化", "高斯过程", "bayesian optimization", "Gaussian process"],
    ["交叉验证", "cross-validation"],
  ]
  const widened = (query) => {
    const said = query.replace(/[+*]/g, "").trim().toLowerCase()
    const same = SAME.find((words) => words.some((word) => word.toLowerCase() === said))
    const isHan = /\p{Script=Han}/u.test(said)
    return same ? [query, ...same.filter((word) => !isHan || /\p{Script=Han}/u.test(word))].join(" ") : query
  }

  const load = (inner, url) =>
    new Promise((resolve, reject) => {
      const script = inner.document.createElement("script")
      script.src = url
      script.onload = resolve
      script.onerror = reject
      inner.document.body.append(script)
    })

  class Frame extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      frame.title = "search"
      document.body.append(frame)
      const inner = (this.inner = frame.contentWindow)
      inner.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }))
      inner.importScripts = async (...urls) => {
        for (const each of urls) await load(inner, each)
      }
      this.ready = load(inner, url)
    }

    postMessage(data) {
      this.ready.then(() => this.inner.dispatchEvent(new this.inner.MessageEvent("message", { data })))
    }
  }

  const bare = (word) => word.replace(/^\+|\*$/g, "")
  const tolerant = (query) =>
    query.replace(/\S+/g, (word) =>
      /^[\w-]{4,}$/.test(bare(word)) ? `${bare(word)}~${bare(word).length < 8 ? 1 : 2}` : word,
    )

  const Base = location.protocol === "file:" ? Frame : window.Worker
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.worker = new Base(url)
      this.worker.addEventListener("message", ({ data }) => this.receive(data))
    }

    postMessage(data) {
      if (data.type === QUERY) this.again = tolerant(data.data)
      this.worker.postMessage(data.type === QUERY ? { ...data, data: widened(data.data) } : data)
    }

    receive(data) {
      const query = this.again
      if (data.type === RESULT && query && !data.data.items.length) {
        this.again = ""
        this.worker.postMessage({ type: QUERY, data: query })
      } else {
        this.dispatchEvent(new MessageEvent("message", { data }))
      }
    }
  }
  if (Base === Frame) window.IFrameWorker = window.Worker
})()
