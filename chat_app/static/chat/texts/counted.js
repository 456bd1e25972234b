// Texts with what is counted, in the plural forms that Intl.PluralRules has for each language.

export default {
  "{count} bytes": {
    en: { one: "{count} byte", other: "{count} bytes" },
    de: { one: "{count} Byte", other: "{count} Bytes" },
    he: { one: "בית אחד", two: "שני בתים", other: "{count} בתים" },
  },
  "{count} recovery codes are left.": {
    en: { one: "{count} recovery code is left.", other: "{count} recovery codes are left." },
    de: {
      one: "{count} Wiederherstellungscode ist noch da.",
      other: "{count} Wiederherstellungscodes sind noch da.",
    },
    he: { one: "נותר קוד שחזור אחד.", two: "נותרו שני קודי שחזור.", other: "נותרו {count} קודי שחזור." },
  },
  "{count} files": {
    en: { one: "{count} file", other: "{count} files" },
    de: { one: "{count} Datei", other: "{count} Dateien" },
    he: { one: "קובץ אחד", two: "שני קבצים", other: "{count} קבצים" },
  },
  "Uploading {count} files…": {
    en: { one: "Uploading {count} file…", other: "Uploading {count} files…" },
    de: { one: "{count} Datei wird hochgeladen…", other: "{count} Dateien werden hochgeladen…" },
    he: { one: "קובץ אחד בהעלאה…", two: "שני קבצים בהעלאה…", other: "{count} קבצים בהעלאה…" },
  },
  "Sent once {count} files are uploaded…": {
    en: { one: "Sent once the file is uploaded…", other: "Sent once {count} files are uploaded…" },
    de: {
      one: "Wird gesendet, sobald die Datei hochgeladen ist…",
      other: "Wird gesendet, sobald {count} Dateien hochgeladen sind…",
    },
    he: {
      one: "ההודעה תישלח כשהקובץ יועלה…",
      two: "ההודעה תישלח כששני הקבצים יועלו…",
      other: "ההודעה תישלח כש־{count} קבצים יועלו…",
    },
  },
  "{count} tools off": {
    en: { one: "{count} tool off", other: "{count} tools off" },
    de: { one: "{count} Werkzeug aus", other: "{count} Werkzeuge aus" },
    he: { one: "כלי אחד כבוי", two: "שני כלים כבויים", other: "{count} כלים כבויים" },
  },
  "{count} messages queued": {
    en: { one: "{count} message queued", other: "{count} messages queued" },
    de: { one: "{count} Nachricht wartet", other: "{count} Nachrichten warten" },
    he: { one: "הודעה אחת בתור", two: "שתי הודעות בתור", other: "{count} הודעות בתור" },
  },
  "{count} chats archived.": {
    en: { one: "{count} chat archived.", other: "{count} chats archived." },
    de: { one: "{count} Chat archiviert.", other: "{count} Chats archiviert." },
    he: { one: "שיחה אחת הועברה לארכיון.", two: "שתי שיחות הועברו לארכיון.", other: "{count} שיחות הועברו לארכיון." },
  },
  "{count} chats taken out of the archive.": {
    en: { one: "{count} chat taken out of the archive.", other: "{count} chats taken out of the archive." },
    de: { one: "{count} Chat aus dem Archiv geholt.", other: "{count} Chats aus dem Archiv geholt." },
    he: { one: "שיחה אחת הוצאה מהארכיון.", two: "שתי שיחות הוצאו מהארכיון.", other: "{count} שיחות הוצאו מהארכיון." },
  },
  "{count} chats moved to “{name}”.": {
    en: { one: "{count} chat moved to “{name}”.", other: "{count} chats moved to “{name}”." },
    de: { one: "{count} Chat nach „{name}“ verschoben.", other: "{count} Chats nach „{name}“ verschoben." },
    he: { one: "שיחה אחת הועברה אל „{name}”.", two: "שתי שיחות הועברו אל „{name}”.", other: "{count} שיחות הועברו אל „{name}”." },
  },
  "{count} chats taken out of the project.": {
    en: { one: "{count} chat taken out of the project.", other: "{count} chats taken out of the project." },
    de: { one: "{count} Chat aus dem Projekt genommen.", other: "{count} Chats aus dem Projekt genommen." },
    he: { one: "שיחה אחת הוצאה מהפרויקט.", two: "שתי שיחות הוצאו מהפרויקט.", other: "{count} שיחות הוצאו מהפרויקט." },
  },
  "Delete {count} chats?": {
    en: { one: "Delete {count} chat?", other: "Delete {count} chats?" },
    de: { one: "{count} Chat löschen?", other: "{count} Chats löschen?" },
    he: { one: "למחוק שיחה אחת?", two: "למחוק שתי שיחות?", other: "למחוק {count} שיחות?" },
  },
  "{count} chats moved to the trash.": {
    en: { one: "{count} chat moved to the trash.", other: "{count} chats moved to the trash." },
    de: { one: "{count} Chat in den Papierkorb gelegt.", other: "{count} Chats in den Papierkorb gelegt." },
    he: { one: "שיחה אחת הועברה לאשפה.", two: "שתי שיחות הועברו לאשפה.", other: "{count} שיחות הועברו לאשפה." },
  },
  "{count} chats could not be changed: {reason}": {
    en: { one: "{count} chat could not be changed: {reason}", other: "{count} chats could not be changed: {reason}" },
    de: { one: "{count} Chat konnte nicht geändert werden: {reason}", other: "{count} Chats konnten nicht geändert werden: {reason}" },
    he: { one: "לא ניתן לשנות שיחה אחת: {reason}", two: "לא ניתן לשנות שתי שיחות: {reason}", other: "לא ניתן לשנות {count} שיחות: {reason}" },
  },
  "{count} chats so far": {
    en: { one: "{count} chat so far", other: "{count} chats so far" },
    de: { one: "Bisher {count} Chat", other: "Bisher {count} Chats" },
    he: { one: "שיחה אחת עד כה", two: "שתי שיחות עד כה", other: "{count} שיחות עד כה" },
  },
  "Gone in {count} days": {
    en: { one: "Gone in {count} day", other: "Gone in {count} days" },
    de: { one: "In {count} Tag weg", other: "In {count} Tagen weg" },
    he: { one: "תימחק בעוד יום אחד", two: "תימחק בעוד יומיים", other: "תימחק בעוד {count} ימים" },
  },
  "{count} chats imported": {
    en: { one: "{count} chat imported", other: "{count} chats imported" },
    de: { one: "{count} Chat importiert", other: "{count} Chats importiert" },
    he: { one: "שיחה אחת יובאה", two: "שתי שיחות יובאו", other: "{count} שיחות יובאו" },
  },
  "{count} tokens of today are of models whose price is not known: no cost has them in it.": {
    en: { one: "{count} token of today is of a model whose price is not known: no cost has it in it.", other: "{count} tokens of today are of models whose price is not known: no cost has them in it." },
    de: { one: "{count} Token von heute ist von einem Modell ohne bekannten Preis und in keinen Kosten enthalten.", other: "{count} Tokens von heute sind von Modellen ohne bekannten Preis und in keinen Kosten enthalten." },
    he: { one: "טוקן אחד של היום הוא של מודל שמחירו לא ידוע, ואינו נכלל בעלות.", two: "שני טוקנים של היום הם של מודלים שמחירם לא ידוע, ואינם נכללים בעלות.", other: "{count} טוקנים של היום הם של מודלים שמחירם לא ידוע, ואינם נכללים בעלות." },
  },
  "{count} calls are not in the cost: the price of their models was not known.": {
    en: { one: "{count} call is not in the cost: the price of its model was not known.", other: "{count} calls are not in the cost: the price of their models was not known." },
    de: { one: "{count} Aufruf ist nicht in den Kosten: Der Preis des Modells war nicht bekannt.", other: "{count} Aufrufe sind nicht in den Kosten: Die Preise der Modelle waren nicht bekannt." },
    he: { one: "קריאה אחת אינה נכללת בעלות: מחיר המודל לא היה ידוע.", two: "שתי קריאות אינן נכללות בעלות: מחירי המודלים לא היו ידועים.", other: "{count} קריאות אינן נכללות בעלות: מחירי המודלים לא היו ידועים." },
  },
  "Usage of the last {count} days": {
    en: { one: "Usage of the last day", other: "Usage of the last {count} days" },
    de: { one: "Verbrauch des letzten Tages", other: "Verbrauch der letzten {count} Tage" },
    he: { one: "השימוש ביום האחרון", two: "השימוש ביומיים האחרונים", other: "השימוש ב־{count} הימים האחרונים" },
  },
  "{count} members": {
    en: { one: "{count} member", other: "{count} members" },
    de: { one: "{count} Mitglied", other: "{count} Mitglieder" },
    he: { one: "חבר אחד", two: "שני חברים", other: "{count} חברים" },
  },
  "{count} models": {
    en: { one: "{count} model", other: "{count} models" },
    de: { one: "{count} Modell", other: "{count} Modelle" },
    he: { one: "מודל אחד", two: "שני מודלים", other: "{count} מודלים" },
  },
  "{count} tokens a day": {
    en: { one: "{count} token a day", other: "{count} tokens a day" },
    de: { one: "{count} Token am Tag", other: "{count} Tokens am Tag" },
    he: { one: "טוקן אחד ביום", two: "שני טוקנים ביום", other: "{count} טוקנים ביום" },
  },
  "{count} lines, each as it was written.": {
    en: { one: "{count} line, as it was written.", other: "{count} lines, each as it was written." },
    de: { one: "{count} Zeile, wie sie geschrieben wurde.", other: "{count} Zeilen, jede wie sie geschrieben wurde." },
    he: { one: "שורה אחת, כפי שנכתבה.", two: "שתי שורות, כפי שנכתבו.", other: "{count} שורות, כל אחת כפי שנכתבה." },
  },
};
