"""What an author does in a content management system: the pages' own scripts ask, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from suites.clients.cms import MEDIAWIKI, PASSWORD, WORDPRESS
from suites.traffic.browser import Browser, Page

_LOAD_S: Final = 120
_FIND: Final = "const $$ = selector => document.querySelector(selector);"
# A picture as a file, put into a page's form.
_PICTURE: Final = """
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = 2;
  const blob = await new Promise(done => canvas.toBlob(done, 'image/png'));
  const picture = new File([blob], name, {type: 'image/png'});
  const chosen = new DataTransfer(); chosen.items.add(picture);
"""


class _Visitor:
    """A page whose loads are waited for."""

    def __init__(self, browser: Browser, origin: str) -> None:
        self._origin = origin
        self.page: Page = browser.open("data:,")

    def go(self, path: str) -> None:
        """A page, whatever it leads to."""
        self.leaves(f"setTimeout(() => location.href = {json.dumps(self._origin + path)})")

    def does(self, script: str) -> None:
        """Runs a script to its end."""
        self.page.ask(f"(async () => {{ {_FIND} {script}; return true; }})()")

    def leaves(self, script: str) -> None:
        """Runs a script that loads another page."""
        self.page.ask("window.before = true")
        self.does(script)
        self.page.until("!window.before && document.readyState == 'complete'", _LOAD_S)

    def until(self, expression: str) -> None:
        self.page.until(expression, _LOAD_S)


def _fill(**values: str) -> str:
    """Sets fields by their ids."""
    return "".join(f"$$('#{name}').value = {json.dumps(value)};" for name, value in values.items())


def wordpress(browser: Browser) -> Iterator[str]:
    """Says what it did after each step: installed, logged in, wrote, uploaded, changed settings."""
    visitor = _Visitor(browser, f"http://{WORDPRESS}")
    visitor.go("/wp-admin/install.php")
    fields = _fill(weblog_title="Käse & <Brot>", user_login="jurgen@shop", admin_email="a@shop.example", pass1=PASSWORD)
    weak = "for (const box of document.querySelectorAll('[name=pw_weak]')) box.checked = true;"
    visitor.leaves(f"{fields} {weak} $$('#submit').disabled = false; $$('#submit').click()")
    visitor.until("!document.querySelector('#weblog_title')")
    yield "installation"
    visitor.go("/wp-login.php")
    login = _fill(user_login="jurgen@shop", user_pass=PASSWORD)
    visitor.leaves(f"{login} $$('#rememberme').checked = true; $$('#wp-submit').click()")
    yield "login"
    visitor.does(
        "await new Promise(done => { jQuery(document).one('heartbeat-tick', done); wp.heartbeat.connectNow() })"
    )
    yield "heartbeat"
    visitor.go("/wp-admin/options-permalink.php")
    visitor.leaves("document.querySelectorAll('input[name=selection]')[1].click(); $$('#submit').click()")
    visitor.go("/wp-admin/options-general.php")
    visitor.leaves(_fill(blogdescription="50% \"<x>\" {a|b} \\ 'c' ^`~") + "$$('#submit').click()")
    yield "settings"
    yield from _wordpress_editor(visitor)
    yield from _wordpress_uploads(visitor)
    visitor.go("/wp-admin/edit.php?s=%C3%84pfel+%26+%3CBirnen%3E&post_status=all")
    visitor.leaves(_fill(**{"post-search-input": "Äpfel"}) + "$$('#search-submit').click()")
    visitor.does("""const row = $$('#the-list tr'); inlineEditPost.edit(row.id.replace('post-', ''));
      $$('.inline-edit-row [name=post_title]').value = 'Äpfel [neu] & "alt"';
      await new Promise(done => { jQuery(document).one('ajaxComplete', done);
        inlineEditPost.save(row.id.replace('post-', '')) })""")
    yield "quick edit"
    visitor.go("/wp-admin/profile.php")
    visitor.leaves(_fill(description="<b>ü</b>\n{x}", url="http://shop.example/?a[]=b|c") + "$$('#submit').click()")
    visitor.go("/wp-admin/site-health.php")
    yield "profile"
    visitor.go("/?p=1")
    visitor.leaves(_fill(comment="Wie <b>schön</b>! 100 % & mehr\n> zitiert") + "$$('#submit').click()")
    yield "comment"
    visitor.go("/?s=caf%C3%A9+%26+%3Cx%3E+50%25")
    visitor.go("/feed/?withcomments=1")
    yield "search"
    visitor.go("/wp-admin/site-editor.php")
    visitor.until("window.wp && wp.data && !!wp.data.select('core/edit-site')")
    yield "site editor"


def _wordpress_editor(visitor: _Visitor) -> Iterator[str]:
    visitor.go("/wp-admin/post-new.php")
    visitor.until("window.wp && wp.data && wp.data.select('core/editor') && "
                  "wp.data.select('core/editor').getCurrentPostId() > 0")  # fmt: skip
    yield "editor"
    visitor.does("""const editor = wp.data.dispatch('core/editor');
      await editor.editPost({title: 'Äpfel & <Birnen>', status: 'draft'});
      await wp.data.dispatch('core/block-editor').insertBlocks([wp.blocks.createBlock('core/paragraph',
        {content: 'ü <b>bold</b> 50% {a|b} <script>'})]); await editor.savePost()""")
    yield "editor, draft"
    visitor.does("""const editor = wp.data.dispatch('core/editor'); await editor.editPost({title: 'Äpfel & mehr'});
      await editor.autosave(); await editor.editPost({excerpt: "x'y"}); await editor.__unstableSaveForPreview({});
      window.preview = wp.data.select('core/editor').getEditedPostPreviewLink()""")
    yield "editor, preview"
    visitor.does("""const core = wp.data.dispatch('core'), editor = wp.data.dispatch('core/editor');
      await core.saveEntityRecord('taxonomy', 'category', {name: 'Käse/Wurst & "Co"'});
      await core.saveEntityRecord('taxonomy', 'post_tag', {name: 'a+b'});
      await wp.data.resolveSelect('core').getEntityRecords('postType', 'post',
        {search: 'Äpfel & <x>', per_page: 5, _fields: 'id,title', orderby: 'relevance'});
      await editor.editPost({status: 'publish'}); await editor.savePost()""")
    yield "editor, publish"
    visitor.does(f"""const name = 'Käse & "Brot".png'; {_PICTURE}
      await new Promise((done, failed) => wp.mediaUtils.uploadMedia({{filesList: [picture], allowedTypes: ['image'],
        onFileChange: ([file]) => file && file.id && done(), onError: failed}}))""")
    yield "editor, picture"
    visitor.does("""const core = wp.data.dispatch('core'), post = {title: 'gone', status: 'draft'};
      const made = await core.saveEntityRecord('postType', 'post', post);
      await core.saveEntityRecord('postType', 'post', {id: made.id, title: 'soon gone'});
      await core.deleteEntityRecord('postType', 'post', made.id, {force: true})""")
    yield "editor, delete"


def _wordpress_uploads(visitor: _Visitor) -> Iterator[str]:
    visitor.go("/wp-admin/media-new.php?browser-uploader")
    visitor.leaves(f"const name = 'ä (1) [x].png'; {_PICTURE} $$('#async-upload').files = chosen.files;"
                   "$$('#html-upload').click()")  # fmt: skip
    yield "upload by a form"
    visitor.go("/wp-admin/media-new.php")
    visitor.until("window.uploader && uploader.runtime")
    visitor.does(f"""const name = 'b;c.png'; {_PICTURE}
      await new Promise(done => {{ uploader.bind('UploadComplete', done); uploader.addFile(picture) }})""")
    visitor.go("/wp-admin/upload.php?mode=grid&search=a%26b")
    visitor.until("document.querySelector('.attachments li')")
    yield "media"


def mediawiki(browser: Browser) -> Iterator[str]:
    """Says what it did after each step: logged in, wrote, searched, uploaded."""
    visitor = _Visitor(browser, f"http://{MEDIAWIKI}")
    visitor.go("/")
    yield "page"
    visitor.go("/index.php?title=Special:UserLogin&returnto=Main+Page")
    visitor.leaves(_fill(wpName1="Admin", wpPassword1=PASSWORD) + "$$('#wpLoginAttempt').click()")
    yield "login"
    visitor.go("/index.php?title=K%C3%A4se_%26_%22Brot%22_(50%25)&action=edit")
    text = (
        "== Ü ==\n'''fett''' [[a|b]] {{c|d=<e>}} <nowiki>\\x ^ ` ~~~~</nowiki> 100 % & [http://shop.example/?x[]=1 y]"
    )
    edit = _fill(wpTextbox1=text, wpSummary="/* Ü */ <neu>")
    visitor.leaves(f"{edit} $$('#wpPreview').click()")
    yield "preview"
    visitor.leaves("$$('#wpDiff').click()")
    yield "changes"
    visitor.leaves("$$('#wpSave').click()")
    yield "save"
    visitor.until("window.mw && mw.loader.getState('mediawiki.api')")
    visitor.does("""await mw.loader.using('mediawiki.api'); const api = new mw.Api();
      await api.watch(mw.config.get('wgPageName'));
      await api.postWithToken('csrf', {action: 'edit', title: 'B+C', text: 'x|y', summary: '{{a}}', formatversion: 2});
      await api.get({action: 'query', prop: 'info|links', titles: ['B+C', 'Käse & "Brot"'], formatversion: 2});
      await api.parse("[[B+C]] '''x'''");
      await new mw.Rest().get('/v1/search/title', {q: 'Kä', limit: 10})""")
    yield "API"
    visitor.go("/index.php?title=Special:Upload")
    visitor.leaves(f"const name = 'ä (1).png'; {_PICTURE} $$('#wpUploadFile').files = chosen.files;"
                   f"{_fill(wpDestFile='Käse & Brot.png', wpUploadDescription='<b>x</b> [[y]]')}"
                   "$$('[name=wpUpload]').click()")  # fmt: skip
    yield "upload"
    visitor.leaves(f"{_fill(searchInput='café & <x> 50%')} $$('#searchform').submit()")
    visitor.go("/index.php?title=Special:RecentChanges&days=3&from=&limit=50")
    visitor.go("/index.php/K%C3%A4se_%26_%22Brot%22_(50%25)?oldid=2&diff=prev")
    visitor.go("/api.php?action=opensearch&search=K%C3%A4&namespace=0|1&format=json")
    yield "search"
    visitor.go("/index.php?title=B%2BC&veaction=edit")
    visitor.until("window.ve && ve.init && ve.init.target && ve.init.target.active === true")
    yield "visual editor"
