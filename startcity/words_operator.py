# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The Italian of the commands for a gateway's operator: `journal` and `gateway status`. Joined in `words.py`."""

from __future__ import annotations

PAIRS: tuple[tuple[str, str], ...] = (
    (" and {count} more", " e altri {count}"),
    ("! and {count} more; --json lists all", "! e altri {count}; --json li elenca tutti"),
    ("(clock not synchronised)", "(orologio non sincronizzato)"),
    (
        "An instance is one lane's: name the lane.",
        "Un'istanza appartiene a una corsia: indicare la corsia.",
    ),
    (
        "An older instance of the lane. Default: the present one.",
        "Un'istanza precedente della corsia. Se manca: quella attuale.",
    ),
    (
        "Batches held: {held}; lost and named by signed gaps: {lost}.",
        "Lotti presenti: {held}; perduti e indicati da lacune firmate: {lost}.",
    ),
    ("Every reading, with name, time and unit.", "Ogni lettura, con nome, ora e unità."),
    ("How often each of its blocks can be erased.", "Quante volte si può cancellare ogni suo blocco."),
    (
        "Intact. `startcity verify` opens every batch too, and compares it with receipts and signed states.",
        "Integro. `startcity verify` apre anche ogni lotto e lo confronta con ricevute e stati firmati.",
    ),
    ("Intact as far as checked: signatures were not.", "Integro per quanto verificato: le firme no."),
    ("Look into a gateway's journal, and mend it.", "Guardare nel giornale di un gateway e ripararlo."),
    (
        "Mend the journal of a stopped gateway: cut torn ends, salvage damaged files, sign a gap for what is lost."
        "\n\nThe gateway does the same at each start, but reads only what was written since its last snapshot; this reads "
        "all. What is taken out is kept in quarantine/. Exit codes: 0 nothing is lost; 1 batches are lost (they are "
        "named), or something cannot be mended; 2 the gateway runs, or a setting is wrong; 3 the disk refuses.",
        "Ripara il giornale di un gateway fermo: taglia le code troncate, salva i file danneggiati, firma una lacuna per "
        "ciò che è perduto.\n\nIl gateway fa lo stesso a ogni avvio, ma legge solo ciò che è stato scritto dopo l'ultima "
        "istantanea; questo legge tutto. Ciò che viene tolto resta in quarantine/. Codici d'uscita: 0 nulla è perduto; 1 "
        "dei lotti sono perduti (sono indicati), o qualcosa non si può riparare; 2 il gateway è in funzione, o "
        "un'impostazione è errata; 3 il disco rifiuta.",
    ),
    ("Nothing to mend.", "Nulla da riparare."),
    ("Nothing was changed: this was a dry run.", "Nulla è stato cambiato: era una prova."),
    ("Print one JSON list.", "Stampa una lista JSON."),
    (
        "Problems: {count}. Stop the gateway and see `startcity journal repair --dry-run`.",
        "Problemi: {count}. Fermare il gateway e vedere `startcity journal repair --dry-run`.",
    ),
    (
        "Process {pid} has it open: checked as it lay on the disk just now; what is written behind the last whole entry "
        "may still be growing, and no repair is possible.",
        "Il processo {pid} lo tiene aperto: controllato com'era sul disco in questo momento; ciò che segue l'ultima voce "
        "intera forse cresce ancora, e una riparazione non è possibile.",
    ),
    (
        "Read a journal whole, say what is in it and what is wrong. Nothing is locked or changed; the gateway may run."
        "\n\nPATH is the journal's folder, such as a copy; without it the configuration says where it is. Exit codes: 0 "
        "intact; 1 something is damaged; 2 it is no journal; 3 it cannot be read.",
        "Legge un giornale per intero, dice che cosa contiene e che cosa non va. Nulla viene bloccato o cambiato; il "
        "gateway può essere in funzione.\n\nPATH è la cartella del giornale, per esempio una copia; se manca, la "
        "configurazione dice dov'è. Codici d'uscita: 0 integro; 1 qualcosa è danneggiato; 2 non è un giornale; 3 non si "
        "può leggere.",
    ),
    ("Say what would be done, and change nothing.", "Dice che cosa si farebbe, e non cambia nulla."),
    (
        "Show batches: when they were sealed, how much is in them, and which frames of which nodes. Exit code 1 if there "
        "is none.\n\nLANE is alarm, record or trend; without it all three. Nothing is proved here: `startcity journal "
        "check` does that.",
        "Mostra i lotti: quando sono stati sigillati, quanto contengono, e quali frame di quali nodi. Codice d'uscita 1 se "
        "non ce n'è nessuno.\n\nLANE è alarm, record o trend; se manca, tutte e tre. Qui non si verifica nulla: lo fa "
        "`startcity journal check`.",
    ),
    (
        "Show how a gateway is, on one screen: what it last said of itself, and what needs attention.\n\nExit codes: 0 it "
        "runs and all is well; 1 something needs attention, marked with !; 2 a setting is wrong; 3 it does not run, or has "
        "not written its status for 30 s.",
        "Mostra come sta un gateway, in una schermata: che cosa ha detto di sé per ultimo, e che cosa richiede attenzione."
        "\n\nCodici d'uscita: 0 è in funzione e va tutto bene; 1 qualcosa richiede attenzione, segnato con !; 2 "
        "un'impostazione è errata; 3 non è in funzione, o non scrive il suo stato da 30 s.",
    ),
    ("Signatures that are good: {count}.", "Firme valide: {count}."),
    (
        "Signatures were not checked: give the gateway's public key with --key.",
        "Le firme non sono state verificate: indicare la chiave pubblica del gateway con --key.",
    ),
    (
        "The key given is not the first of this gateway: those before it were taken from the journal itself. `startcity "
        "verify` takes none from there and says NOT INTACT with this key; give it the first one (gateway.first.pub.pem).",
        "La chiave indicata non è la prima di questo gateway: le precedenti sono state prese dal giornale stesso. `startcity "
        "verify` non ne prende da lì e con questa chiave dice NOT INTACT; dargli la prima (gateway.first.pub.pem).",
    ),
    (
        "Size of such a block in KiB; each sync is taken to cost one.",
        "Grandezza di un tale blocco in KiB; si assume che ogni sincronizzazione ne costi uno.",
    ),
    (
        "Size of the memory card in GB, for the estimate of its life.",
        "Capacità della scheda di memoria in GB, per stimarne la durata.",
    ),
    ("The first number. Default: the last 20 batches.", "Il primo numero. Se manca: gli ultimi 20 lotti."),
    (
        "The gateway's configuration; paths in it are relative to it.",
        "La configurazione del gateway; i percorsi che contiene sono relativi ad essa.",
    ),
    (
        "The gateway's public key. Default: the one beside the key of the configuration, if no PATH is given.",
        "La chiave pubblica del gateway. Se manca: quella accanto alla chiave della configurazione, se non c'è PATH.",
    ),
    (
        "The journal's folder, such as a copy. Default: the configuration's.",
        "La cartella del giornale, per esempio una copia. Se manca: quella della configurazione.",
    ),
    ("The last number.", "L'ultimo numero."),
    ("There are no such batches.", "Non ci sono lotti così."),
    (
        "a foreign key; if the node is ours, was it given another master?",
        "una chiave estranea; se il nodo è nostro, gli è stata data un'altra chiave madre?",
    ),
    (
        "batch {first} does not follow from the one before it",
        "il lotto {first} non segue da quello che lo precede",
    ),
    (
        "batch {last}: signed by a key that had been changed before",
        "lotto {last}: firmato da una chiave che era già stata cambiata",
    ),
    (
        "batch {last}: signed by a later key, before the one in use had been changed",
        "lotto {last}: firmato da una chiave successiva, prima che quella in uso fosse cambiata",
    ),
    (
        "batch {last}: the signature is not this gateway's",
        "lotto {last}: la firma non è di questo gateway",
    ),
    ("batch {number}; the city has {receipted}", "lotto {number}; la città ha fino al {receipted}"),
    (
        "behind the last whole entries: {size}, perhaps being written now",
        "dopo le ultime voci intere: {size}, forse in corso di scrittura",
    ),
    (
        "by a key that was changed without naming it: older than that change, or made up since",
        "firmata da una chiave che è stata cambiata senza nominarla: più vecchia di quel cambio, o inventata dopo",
    ),
    (
        "came while the journal took nothing; the nodes send them again",
        "arrivati mentre il giornale non accettava nulla; i nodi li inviano di nuovo",
    ),
    ("cannot be mended: {file}:{offset}", "non si può riparare: {file}:{offset}"),
    ("cannot be read: {reason}", "non si può leggere: {reason}"),
    ("city's broker", "broker città"),
    ("clock", "orologio"),
    (
        "compare `collector_key` in gateway.toml with the collector's",
        "confrontare `collector_key` in gateway.toml con quella del collettore",
    ),
    (
        "contradicted by the city, sent all the same to {number}",
        "contraddetta dalla città, inviata lo stesso fino al {number}",
    ),
    (
        "damage was found since the start: {what}; see `startcity journal check`",
        "trovati danni dall'avvio: {what}; vedere `startcity journal check`",
    ),
    ("damaged", "danneggiati"),
    ("damaged: {size} between good entries", "danneggiati: {size} tra voci buone"),
    ("damaged on its flash", "danneggiati nella sua memoria"),
    ("it lost power", "gli è mancata la corrente"),
    ("its queue was full", "la sua coda era piena"),
    ("reason {number}", "motivo {number}"),
    (
        "epoch {epoch}: numbers {numbers} given up: {reason}",
        "epoca {epoch}: ha rinunciato ai numeri {numbers}: {reason}",
    ),
    ("does not run: start it with {start}", "non è in funzione: avviarlo con {start}"),
    (
        "gives no sign: see whether its disk is full; if not, start it anew with {start}",
        "non dà segni: vedere se il suo disco è pieno; se non lo è, riavviarlo con {start}",
    ),
    ("{first} or {second}", "{first} o {second}"),
    ("empty", "vuota"),
    ("files {count}, {size}", "file {count}, {size}"),
    ("frames {frames}, readings {readings}, {size}", "frame {frames}, letture {readings}, {size}"),
    ("gap, signed: {first} to {last}, {reason}", "lacuna, firmata: da {first} a {last}, {reason}"),
    ("given up for want of room", "ceduti per mancanza di spazio"),
    (
        "gone without a word; its last status is of {time}: see its log",
        "sparito senza dire nulla; il suo ultimo stato è delle {time}: vedere il suo registro",
    ),
    ("good, nodes: {count}", "buono, nodi: {count}"),
    ("instance {name}: empty", "istanza {name}: vuota"),
    (
        "instance {name}: {first} to {last}, the city has {receipted}",
        "istanza {name}: da {first} a {last}, la città ha fino al {receipted}",
    ),
    ("journal", "giornale"),
    ("kept in quarantine/: {name}", "conservato in quarantine/: {name}"),
    (
        "kept, but not readable: install the node's profile, or its newer version",
        "conservati, ma non leggibili: installare il profilo del nodo, o la sua versione più recente",
    ),
    (
        "lasts {span}, were it {size} of {cycles} erase cycles, and each sync worth a block of {block} KiB",
        "dura {span}, se fosse da {size} con {cycles} cicli di cancellazione, e ogni sincronizzazione valesse un blocco di "
        "{block} KiB",
    ),
    ("look at the radio link if it rises for hours", "se cresce per ore, guardare il collegamento radio"),
    (
        "make room or mend the disk: it is tried again at least each 30 s and goes on by itself",
        "fare spazio o riparare il disco: si riprova almeno ogni 30 s e si va avanti da soli",
    ),
    ("memory card", "scheda memoria"),
    (
        "missing: batches {first} to {last}, and no gap says so",
        "mancano: lotti da {first} a {last}, e nessuna lacuna lo dice",
    ),
    ("more than 100 years", "più di 100 anni"),
    ("needs attention: {count}", "richiede attenzione: {count}"),
    ("no frames: somebody else uses the nodes' topic", "non sono frame: qualcun altro usa il topic dei nodi"),
    ("nodes", "nodi"),
    ("nodes' broker", "broker nodi"),
    ("not one good entry in {size}", "nessuna voce buona in {size}"),
    (
        "not there yet; it comes with the first finished segment",
        "non c'è ancora; arriva con il primo segmento finito",
    ),
    (
        "nothing disciplines it, so the nodes get no time: see `timedatectl`",
        "nulla lo disciplina, quindi i nodi non ricevono l'ora: vedere `timedatectl`",
    ),
    (
        "nothing to do: the node had given those numbers up",
        "nulla da fare: il nodo aveva rinunciato a quei numeri",
    ),
    ("positions: {count}", "posizioni: {count}"),
    ("process", "processo"),
    (
        "receipts.log is damaged in {size}: some batches will be sent again",
        "receipts.log è danneggiato in {size}: alcuni lotti saranno inviati di nuovo",
    ),
    (
        "receipts.log: {size} are bad; what they said comes again from the city",
        "receipts.log: {size} sono guasti; ciò che dicevano torna dalla città",
    ),
    (
        "received.snap is damaged: numbers of deleted segments are forgotten",
        "received.snap è danneggiato: i numeri dei segmenti cancellati sono dimenticati",
    ),
    ("received.snap set aside; it is made anew", "received.snap messo da parte; sarà rifatto"),
    (
        "registry or status could not be read or written; see the log",
        "registro dei nodi o stato non si potevano leggere o scrivere; vedere il registro eventi",
    ),
    (
        "room for {span} without the city, at the rate since the start",
        "spazio per {span} senza la città, al ritmo dall'avvio",
    ),
    ("segments {segments}, batches {batches}, {size}", "segmenti {segments}, lotti {batches}, {size}"),
    ("since the start", "dall'avvio"),
    ("stopped at {time}, after {span}", "fermato alle {time}, dopo {span}"),
    ("synchronised, within {seconds} s", "sincronizzato, entro {seconds} s"),
    (
        "takes nothing, so nothing is acknowledged: {reason}",
        "non accetta nulla, quindi nulla viene confermato: {reason}",
    ),
    (
        "the broker is there, but no receipt comes: does the collector run, and know this gateway's key?",
        "il broker c'è, ma non arrivano ricevute: il collettore è in funzione, e conosce la chiave di questo gateway?",
    ),
    (
        "the city holds another history: run `startcity verify` on both sides",
        "la città ha un'altra storia: eseguire `startcity verify` da entrambe le parti",
    ),
    (
        "the city holds batches up to {last}, here they end before {first}: restored from an old copy?",
        "la città ha lotti fino al {last}, qui finiscono prima del {first}: ripristinato da una vecchia copia?",
    ),
    ("the oldest of those that wait is {span} old", "il più vecchio di quelli in attesa ha {span}"),
    (
        "the promise ends at this broker: nothing says what reaches the collector",
        "la promessa finisce a questo broker: nulla dice che cosa arriva al collettore",
    ),
    ("time unknown", "ora ignota"),
    (
        "too early for figures by the day: {span} of 10 min",
        "troppo presto per cifre al giorno: {span} di 10 min",
    ),
    ("torn end: {size} behind the last good entry", "coda troncata: {size} dopo l'ultima voce buona"),
    ("unknown nodes", "nodi ignoti"),
    (
        "void entries: {count} (written again elsewhere after an error; nothing is lost)",
        "voci nulle: {count} (riscritte altrove dopo un errore; nulla è perduto)",
    ),
    (
        "was synchronised, within {seconds} s by now; see `timedatectl`",
        "era sincronizzato, entro {seconds} s ormai; vedere `timedatectl`",
    ),
    ("well", "tutto bene"),
    (
        "what is signed belongs elsewhere, or cannot be read: {detail}",
        "ciò che è firmato sta altrove, o non si può leggere: {detail}",
    ),
    ("writing", "scrittura"),
    ("{address}, connected", "{address}, collegato"),
    ("{address}, was connected then", "{address}, era collegato allora"),
    ("frames admitted {count}", "frame accettati {count}"),
    ("readings {count}", "letture {count}"),
    ("repeats {count}", "ripetizioni {count}"),
    ("out of range {count}", "fuori campo {count}"),
    ("{address}, not connected: {reason}", "{address}, non collegato: {reason}"),
    ("{bytes} and {syncs} syncs a day", "{bytes} e {syncs} sincronizzazioni al giorno"),
    ("{bytes} bytes and {syncs} syncs a reading", "{bytes} byte e {syncs} sincronizzazioni per lettura"),
    (
        "{count} batches were given up for want of room; the city is told which",
        "{count} lotti ceduti per mancanza di spazio; alla città si dice quali",
    ),
    ("{count} wait", "{count} in attesa"),
    ("{days} d", "{days} g"),
    ("{days} d {hours} h", "{days} g {hours} h"),
    ("{file}: batches that stay: {count}", "{file}: lotti che restano: {count}"),
    ("{folder}: journal of {gateway}", "{folder}: giornale di {gateway}"),
    ("{given}: an instance is 16 hex digits", "{given}: un'istanza sono 16 cifre esadecimali"),
    ("{hours} h {minutes} min", "{hours} h {minutes} min"),
    ("{kept} of {most} are needed ({percent} %)", "servono {kept} di {most} ({percent} %)"),
    (
        "{lane}: a file of {size} without a good entry set aside",
        "{lane}: un file di {size} senza una voce buona messo da parte",
    ),
    (
        "{lane}: batches {first} to {last} are held by the city and not here",
        "{lane}: i lotti da {first} a {last} li ha la città e qui non ci sono",
    ),
    (
        "{lane}: batches {first} to {last} are lost; a gap stands for them where it can be signed",
        "{lane}: i lotti da {first} a {last} sono perduti; una lacuna ne prende il posto dove si può firmare",
    ),
    (
        "{lane}: the numbering begins anew under a new instance",
        "{lane}: la numerazione ricomincia con una nuova istanza",
    ),
    ("{lane}: void entries removed; nothing is lost", "{lane}: voci nulle tolte; nulla è perduto"),
    ("{lane}: {size} of a torn end cut off", "{lane}: {size} di coda troncata tagliati"),
    (
        "{lane}: {size} of damage cut out, in nothing that is needed",
        "{lane}: {size} di danni tolti, in nulla che serva",
    ),
    ("{minutes} min", "{minutes} min"),
    (
        "{names}{rest}, with frames refused: `startcity provision` if they are ours",
        "{names}{rest}, con i frame rifiutati: `startcity provision` se sono nostri",
    ),
    (
        "{name} {count}: a defect of this program; send its log",
        "{name} {count}: un difetto di questo programma; inviare il suo registro",
    ),
    ("{node}: frame {number} cannot be read here", "{node}: il frame {number} qui non si può leggere"),
    (
        "{pid} has not written its status since {time}: see its log",
        "{pid} non scrive il suo stato dalle {time}: vedere il suo registro",
    ),
    ("{pid}, running for {span}", "{pid}, in funzione da {span}"),
    (
        "{registered} registered; {frames_waiting} frames wait to be sealed",
        "{registered} registrati; {frames_waiting} frame attendono di essere sigillati",
    ),
    ("{seconds} s", "{seconds} s"),
    ("{seconds} s of its boot {boot}", "{seconds} s del suo avvio {boot}"),
    ("{years} years", "{years} anni"),
)
