/* The theme's search runs in a worker. This changes three things of it, by the messages that page and worker send: words
   of textbooks become those of the pages; a query that finds nothing is asked again with room for a typing error in each
   word; and in a page that was opened from the disk, which may start no worker, the search runs in an empty frame of the
   page. The theme asks for window.IFrameWorker in that frame, and finds its own folder by the script that stands there. */
(() => {
  const QUERY = 2
  const RESULT = 3

  // Words of textbooks, and the one for the same that the pages say.
  const SAID = {
    批大小: "批量大小",
    批次大小: "批量大小",
    学习速率: "学习率",
    栅格搜索: "网格搜索",
    随机失活: "dropout",
    丢弃率: "dropout",
    提前停止: "早停",
    修剪: "剪枝",
    "超参(?!数)": "超参数",
    看板: "仪表盘",
  }
  const inOurWords = (query) =>
    Object.entries(SAID).reduce((text, [word, said]) => text.replace(RegExp(word, "g"), said), query)

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
      this.worker.postMessage(data.type === QUERY ? { ...data, data: inOurWords(data.data) } : data)
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
