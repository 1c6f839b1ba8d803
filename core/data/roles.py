"""What a column is called in the wild, by what it is for: the one vocabulary of column names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

NAMES: Mapping[str, tuple[str, ...]] = {
    "user": ("user_id", "userid", "user", "uid", "customer_id", "customerid", "customer",
             "reviewer_id", "reviewerid",
             "reviewer", "visitor_id", "visitorid", "member_id", "client_id", "account_id",
             "reader_id", "reader",
             "listener_id", "person_id", "session_id", "sessionid", "user_name", "username",
             "buyer_id", "buyer",
             "shopper_id", "shopper", "subscriber_id", "subscriber", "viewer_id", "viewer",
             "player_id", "player",
             "patient_id", "student_id", "learner_id", "device_id", "cookie_id", "user_pseudo_id",
             "visitor", "member", "client",
             "account", "listener", "person", "session", "kunde", "kunden_id", "kundennr", "kunden_nr",
             "kundennummer", "kaufer", "kaeufer", "nutzer", "nutzer_id", "benutzer",
             "benutzer_id", "leser", "besucher",
             "utilisateur", "acheteur", "usager", "usuario", "comprador", "cliente", "utente",
             "acquirente", "lettore",
             "gebruiker", "klant", "koper", "anvandare", "kund", "bruker", "bruger", "uzytkownik",
             "klient", "kupujacy",
             "zakaznik", "felhasznalo", "kullanici", "musteri", "пользователь", "покупатель",
             "клиент", "用户", "顾客",
             "用户id", "ユーザー", "ユーザーid", "顧客", "사용자"),
    "item": ("item_id", "itemid", "item", "iid", "product_id", "productid", "product",
             "parent_asin", "asin", "sku",
             "stock_code", "stockcode", "movie_id", "movieid", "book_id", "bookid", "isbn",
             "article_id", "business_id",
             "song_id", "track_id", "artist_id", "game_id", "app_id", "news_id", "video_id",
             "poi_id", "venue_id",
             "recipe_id", "course_id", "content_id", "offer_id", "movie", "book",
             "article", "song", "track", "game", "video", "goods_id", "goods", "listing_id",
             "listing", "hotel_id",
             "restaurant_id", "beer_id", "anime_id", "show_id", "post_id", "podcast_id", "episode_id",
             "property_id", "job_id", "merchandise", "asset_id", "gmap_id", "location_id", "film_id", "aid",
             "artikel", "artikel_id", "artikelnr", "artikel_nr", "artikelnummer", "produkt",
             "produkt_id", "produktnr",
             "ware", "buch", "film", "lied", "produit", "livre", "articulo", "producto", "libro", "pelicula",
             "articolo", "prodotto", "produto", "artigo", "livro", "filme", "boek", "vara", "bok", "towar",
             "ksiazka", "vyrobek", "termek", "urun", "товар", "товар_id", "книга", "фильм", "商品",
             "物品", "商品id", "物品id", "アイテム",
             "アイテムid", "상품"),
    "time": ("timestamp", "time", "datetime", "date_time", "unix_review_time", "unixreviewtime", "event_time",
             "created_at", "ts", "date", "invoice_date", "invoicedate", "review_time",
             "reviewtime", "purchase_date",
             "order_date", "rated_at", "updated_at", "visited_at", "watched_at", "played_at",
             "unix_time", "unixtime",
             "epoch", "date_added", "added_at", "added_on", "event_date", "event_timestamp", "start_time",
             "started_at", "read_at", "date_updated", "when", "end_time", "ended_at",
             "finished_at", "bought_at",
             "purchased_at", "ordered_at", "clicked_at", "viewed_at", "created", "created_on",
             "zeit", "zeitpunkt",
             "zeitstempel", "datum", "kaufdatum", "bestelldatum", "uhrzeit", "date_heure",
             "heure", "horodatage",
             "fecha", "hora", "fecha_hora", "data_ora", "data_hora", "tijd", "tijdstip", "tid",
             "tidpunkt", "dato",
             "czas", "cas", "дата", "время", "时间", "时间戳", "日期", "日時", "日付", "時刻", "시간"),
    "position": ("position", "pos", "order", "sequence", "seq", "step", "index", "ordinal", "rank", "nth",
                 "position_in_history", "item_order", "event_number", "sequence_number", "seqnum", "order_number",
                 "visit_number", "session_number", "click_number", "timestep", "turn"),
    "rating": ("rating", "overall", "score", "stars", "star_rating", "rate", "preference", "bewertung", "note",
               "sterne", "puntuacion", "valoracion", "calificacion", "voto", "valutazione", "nota", "avaliacao",
               "beoordeling", "betyg", "ocena", "оценка", "реитинг", "评分", "評価", "평점"),
    "title": ("title", "name", "item_name", "product_name", "product_title", "item_title",
              "movie_title", "book_title",
              "track_name", "productname", "itemname", "headline", "titel", "caption", "app_name", "game_name",
              "game_title", "song_name", "song_title", "track_title", "video_title", "news_title",
              "article_title",
              "article_name", "business_name", "book_name", "movie_name", "recipe_name",
              "course_title", "course_name",
              "anime_title", "show_title", "listing_title", "prod_name", "label_en", "title_en", "name_en",
              "bezeichnung", "artikelbezeichnung", "produktname", "artikelname", "buchtitel",
              "titre", "nom", "libelle", "titulo", "nombre", "titolo", "nome", "naam", "namn",
              "navn", "nazwa", "tytul", "nazev", "cim", "nev", "baslik",
              "название", "наименование", "заголовок", "标题", "名称", "书名", "商品名称", "タイトル", "商品名",
              "제목"),
    "description": ("description", "summary", "overview", "plot", "synopsis", "about", "abstract",
                    "blurb", "details",
                    "content", "story", "body", "beschreibung", "descripcion", "descrizione",
                    "features", "text"),
    "maker": ("brand", "brands", "author", "authors", "artist", "maker", "manufacturer",
              "publisher", "director",
              "store", "by", "marke"),
    "kind": ("category", "categories", "genre", "genres", "tags", "series", "type", "kind",
             "department", "subject",
             "subjects", "topic", "topics", "style", "color", "colour", "material", "group", "section",
             "theme", "themes", "kategorie"),
    "class": ("class", "label"),
    "keywords": ("keywords",),
}  # fmt: skip
"""Names by role, the likeliest first, in the writing of `plain`."""
LISTED = frozenset({"category", "categories", "genre", "genres"})
"""Columns whose text may be a list with commas; in others a comma belongs to a name."""
_NOT_TEXT = re.compile(
    r"(^|_)(id|ids|asin|sku|isbn|ean|upc|gtin|code|url|uri|link|links|image|images|img|picture|thumbnail|path|file|hash"
    r"|uuid|guid|price|date|time|timestamp|year|count|number|email|phone)$"
)


def plain(name: str) -> str:
    """A column's name in small letters with `_` between words.

    A type behind a colon (`user_id:token`, as RecBole writes it) and accents on Latin letters do not count.
    """
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.split(":")[0])
    bare = re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFKD", name.casefold()))
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFC", bare)).strip("_")


def role_score(name: str, role: str) -> int:
    """How well a name fits a role: 0 = not at all; the whole name better than one word of it, an earlier one better."""
    written, names = plain(name), NAMES[role]
    if written in names:
        return 1000 - names.index(written)
    if written.replace("_", "") in names:
        return 900
    words = written.split("_")
    whole = [number for number, known in enumerate(names) if len(known) > 2 and known in words]
    coded = role not in ("user", "item", "time", "rating") and is_no_text(name)
    if role == "position" and words[-1] == "number":
        coded = False  # which says of an order that it is one
    return 500 - whole[0] if whole and not coded else 0


def is_no_text(name: str) -> bool:
    """Whether a name says that its column holds codes, links, numbers or dates."""
    return bool(_NOT_TEXT.search(plain(name)))


def is_called(name: str, *roles: str) -> bool:
    """Whether a name is one of the roles' names, however it is written (`ProductName`, `title:token_seq`)."""
    written = plain(name)
    return any(one in NAMES[role] for role in roles for one in (written, written.replace("_", "")))


def has_word(name: str, *roles: str) -> bool:
    """Whether a word of a name is one of the roles' names."""
    return any(word in NAMES[role] for word in words(name) for role in roles)


def words(name: str) -> list[str]:
    """The words of a name in small letters."""
    return re.split(r"[\W_]+", name.lower())


def first_holding(names: Iterable[str], role: str) -> str:
    """The name that holds the role's likeliest word, be it a part of a longer one; empty where none does."""
    names = list(names)
    return next((name for word in NAMES[role] for name in names if word in name.lower()), "")
