"""Headers and sides in German, French, Spanish, Portuguese and Russian, as English plain names.

Only words that mean one thing in a file of bars or trades: a word with two meanings is asked for by
`data.columns` instead. Signs, accents and blanks do not count (`tables.plain`).
"""

from __future__ import annotations

import unicodedata

_WORDS = {
    "time": "Zeit, Uhrzeit, Heure, Hora, Время",
    "date": "Datum, Fecha, Data, Дата",
    "datetime": "Datum/Uhrzeit, Datum Uhrzeit, Date/Heure, Date et heure, Fecha/Hora, Fecha y hora, "
    "Data/Hora, Data e hora, Дата/Время, Дата и время",
    "open": "Eröffnung, Eröffn., Ouverture, Ouv., Apertura, Abertura, Открытие, Откр.",
    "high": "Hoch, Höchst, Tageshoch, Haut, Plus haut, Máximo, Máx., Максимум, Макс.",
    "low": "Tief, Tiefst, Tagestief, Bas, Plus bas, Mínimo, Mín., Минимум, Мин.",
    "close": "Schluss, Schlusskurs, Clôture, Clôt., Cierre, Fechamento, Закрытие, Закр.",
    "volume": "Volumen, Объем, Объём",
    "openprice": "Eröffnungskurs, Eröffnungspreis, Prix d'ouverture, Precio de apertura, Preço de abertura, "
    "Цена открытия",
    "closeprice": "Schließkurs, Schlusspreis, Schließungspreis, Prix de clôture, Precio de cierre, "
    "Preço de fechamento, Цена закрытия",
    "entryprice": "Einstiegskurs, Einstiegspreis, Prix d'entrée, Prix entrée, Precio de entrada, "
    "Precio entrada, Preço de entrada, Preço entrada, Цена входа",
    "exitprice": "Ausstiegskurs, Ausstiegspreis, Prix de sortie, Prix sortie, Precio de salida, "
    "Precio salida, Preço de saída, Preço saída, Цена выхода",
    "opentime": "Eröffnungszeit, Öffnungszeit, Eröffnet am, Heure d'ouverture, Date d'ouverture, "
    "Hora de apertura, Fecha de apertura, Data de abertura, Hora de abertura, Время открытия, Дата открытия",
    "closetime": "Schließzeit, Schlusszeit, Schließungszeit, Geschlossen am, Heure de clôture, "
    "Heure de fermeture, Date de clôture, Hora de cierre, Fecha de cierre, Data de fechamento, "
    "Hora de fechamento, Время закрытия, Дата закрытия",
    "entrytime": "Einstiegszeit, Einstieg am, Heure d'entrée, Heure entrée, Hora de entrada, Hora entrada, "
    "Fecha de entrada, Время входа, Дата входа",
    "exittime": "Ausstiegszeit, Ausstieg am, Heure de sortie, Heure sortie, Hora de salida, Hora salida, "
    "Hora saída, Hora de saída, Fecha de salida, Время выхода, Дата выхода",
    "price": "Preis, Kurs, Prix, Precio, Preço, Цена",
    "type": "Typ, Art, Tipo, Тип",
    "direction": "Richtung, Sens, Dirección, Direção, Direction d'ouverture, Dirección de apertura, "
    "Направление",
    "symbol": "Symbole, Símbolo, Ativo, Символ, Инструмент",
    "instrument": "Instrumento",
    "ticket": "Тикет, Ордер",
    "position": "Posición, Posição, Позиция",
    "marketpos": "Pos mercado, Posición de mercado",
    "quantity": "Menge, Stückzahl, Quantité, Cantidad, Quantidade, Количество",
    "stoploss": "Stopp-Loss, Стоп-лосс, Стоп лосс",
    "takeprofit": "Тейк-профит, Тейк профит",
    "profit": "Gewinn, Bénéfice, Beneficio, Ganancia, Lucro, Прибыль",
    "commission": "Kommission, Comisión, Comissão, Комиссия",
    "code": "Código, Код",
}


def folded(name: object) -> str:
    """A word in small letters without accents, blanks and signs; letters of any script stay."""
    letters = unicodedata.normalize("NFKD", str(name).casefold())
    return "".join(letter for letter in letters if letter.isalnum()).lower()


ENGLISH = {folded(word): english for english, words in _WORDS.items() for word in words.split(", ")}
