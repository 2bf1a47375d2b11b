# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The Italian of keys on their way: `vault key`, `import` and `commission`, `node import`, and `provision`. Joined in `words.py`."""

from __future__ import annotations

PAIRS: tuple[tuple[str, str], ...] = (
    (
        "A check to leave out; may be repeated.",
        "Una verifica da saltare; si può ripetere.",
    ),
    (
        "A commissioning file of the vault for this gateway.",
        "Un file di messa in servizio del caveau per questo gateway.",
    ),
    (
        "A node whose master has really changed: its board was flashed anew. May be repeated.",
        "Un nodo la cui chiave madre è davvero cambiata: la scheda è stata riprogrammata. Si può ripetere.",
    ),
    (
        "An answer is missing: give {flag}.",
        "Manca una risposta: dare {flag}.",
    ),
    (
        "Ask nothing: begin each check at once.",
        "Non chiede nulla: comincia subito ogni verifica.",
    ),
    (
        "Check what it measures",
        "Verificare che cosa misura",
    ),
    (
        "Commissioning key of {gateway}: {fingerprint}",
        "Chiave di messa in servizio di {gateway}: {fingerprint}",
    ),
    (
        "End the label",
        "Chiudere l'etichetta",
    ),
    (
        "Every node of the vault.",
        "Tutti i nodi del caveau.",
    ),
    (
        "File (mode 0600) with the text of the node's label; - reads it from standard input, as a scanner types it.",
        "File (modo 0600) con il testo dell'etichetta del nodo; - lo legge dallo standard input, come lo "
        "scrive un lettore.",
    ),
    (
        "File to make.",
        "File da creare.",
    ),
    (
        "Find the node",
        "Trovare il nodo",
    ),
    (
        "Fingerprint: {fingerprint}",
        "Impronta: {fingerprint}",
    ),
    (
        "First reading: {measurement}, in batch {number} of lane {lane}.",
        "Prima lettura: {measurement}, nel lotto {number} della corsia {lane}.",
    ),
    (
        "Go on where it stopped; without ID with the only one that was begun.",
        "Riprende da dove si è fermato; senza ID con l'unico iniziato.",
    ),
    (
        "How long each step may wait for the node or the city. Default: longer than a node of the profile may be silent.",
        "Quanto può attendere ogni passo il nodo o la città. Se manca: più di quanto un nodo del profilo può tacere.",
    ),
    (
        "Give the vault's folder once: as VAULT or with --vault.",
        "Dare la cartella del caveau una volta sola: come VAULT o con --vault.",
    ),
    (
        "Is it the one that `startcity vault key VAULT` shows?",
        "È quella che mostra `startcity vault key VAULT`?",
    ),
    (
        "Key generation; may be repeated. 0 stands in for the label of a new node.",
        "Generazione di chiavi; si può ripetere. 0 sostituisce l'etichetta di un nodo nuovo.",
    ),
    (
        "Make a commissioning file: roots for one gateway, which nobody else can open. There: `startcity node "
        "import`."
        "\n\nIt is sealed for the gateway's commissioning key and signed by the vault. The first file for a "
        "gateway pins that key: compare the fingerprint with the one that `startcity gateway init` shows at "
        "the gateway."
        "\n\nExit codes: 0 done; 2 a person has to change something; 3 the disk refuses.",
        "Crea un file di messa in servizio: chiavi derivate per un gateway, che nessun altro può aprire. Lì: "
        "`startcity node import`."
        "\n\nÈ sigillato per la chiave di messa in servizio del gateway e firmato dal caveau. Il primo file per "
        "un gateway fissa quella chiave: confrontare l'impronta con quella che `startcity gateway init` "
        "mostra presso il gateway."
        "\n\nCodici d'uscita: 0 fatto; 2 una persona deve cambiare qualcosa; 3 il disco rifiuta.",
    ),
    (
        "Masters taken: {added}; known already: {known}; older ones left out: {superseded}; refused: {refused}.",
        "Chiavi madri accolte: {added}; già note: {known}; più vecchie tralasciate: {superseded}; rifiutate: "
        "{refused}.",
    ),
    (
        "Move it to the gateway's keys",
        "Passarlo alle chiavi del gateway",
    ),
    (
        "Name of the node",
        "Nome del nodo",
    ),
    (
        "Name the node to go on with. Begun and not at their end: {nodes}.",
        "Indicare il nodo con cui riprendere. Iniziati e non finiti: {nodes}.",
    ),
    (
        "Name the nodes, or say --all: one of the two.",
        "Indicare i nodi, oppure --all: una delle due cose.",
    ),
    (
        "Neither the file nor the gateway knows node {node}: give its label with --label-file, or, if that is lost, a file "
        "that stands in for it with --file: `startcity vault commission {node} --generation 0 ...` makes it at the vault.",
        "Né il file né il gateway conoscono il nodo {node}: dare la sua etichetta con --label-file o, se è perduta, un file che la "
        "sostituisca con --file: lo crea presso il caveau `startcity vault commission {node} --generation 0 ...`.",
    ),
    (
        "Nobody is there to be asked: say --yes, and the checks begin at once.",
        "Non c'è nessuno a cui chiedere: aggiungere --yes, e le verifiche cominciano subito.",
    ),
    (
        "Node {node} is in service.",
        "Il nodo {node} è in servizio.",
    ),
    (
        "Node {node} was not begun here: call it without --resume.",
        "Il nodo {node} non è stato iniziato qui: ripetere senza --resume.",
    ),
    (
        "Node {node}: MasterConflict, the vault has another master; --replace {node} takes this one.",
        "Nodo {node}: MasterConflict, il caveau ha un'altra chiave madre; --replace {node} prende questa.",
    ),
    (
        "Node {node}: MasterShared, this is the master of another node.",
        "Nodo {node}: MasterShared, è la chiave madre di un altro nodo.",
    ),
    (
        "One file holds at most {most} roots: name some of the nodes.",
        "Un file contiene al più {most} chiavi derivate: indicare una parte dei nodi.",
    ),
    (
        "Only show the steps and what is done already.",
        "Mostra solo i passi e che cosa è già fatto.",
    ),
    (
        "Only that gateway opens it: carry it there and run `startcity node import {file}`.",
        "Solo quel gateway lo apre: portarlo lì ed eseguire `startcity node import {file}`.",
    ),
    (
        "Place of the node",
        "Luogo del nodo",
    ),
    (
        "Press a key when you begin.",
        "Premere un tasto quando si comincia.",
    ),
    (
        'Print events, one JSON object a line, each with "v":1.',
        'Stampa eventi, un oggetto JSON per riga, ognuno con "v":1.',
    ),
    (
        "Public keys: {file}. Carry it to benches and gateways.",
        "Chiavi pubbliche: {file}. Portarlo ai banchi e ai gateway.",
    ),
    (
        "Put a node into service, up to its first verified reading.",
        "Mettere in servizio un nodo, fino alla prima lettura verificata.",
    ),
    (
        "Register the node at the gateway",
        "Registrare il nodo presso il gateway",
    ),
    (
        "Register the nodes of a file that `startcity vault commission` has made for this gateway."
        "\n\nThe first time the gateway has to learn which vault it trusts: --vault-key, and a person compares "
        "the fingerprint. Importing a file again, or an older one, changes nothing."
        "\n\nExit codes: 0 done; 2 a person has to change something; 3 the disk refuses; 20 the file is for "
        "another gateway; 21 it is damaged, was changed, or is no such file; 22 another vault has signed it.",
        "Registra i nodi di un file che `startcity vault commission` ha creato per questo gateway."
        "\n\nLa prima volta il gateway deve sapere di quale caveau si fida: --vault-key, e una persona confronta "
        "l'impronta. Importare un file di nuovo, o uno più vecchio, non cambia nulla."
        "\n\nCodici d'uscita: 0 fatto; 2 una persona deve cambiare qualcosa; 3 il disco rifiuta; 20 il file è "
        "per un altro gateway; 21 è danneggiato, modificato o di altro tipo; 22 lo ha firmato un altro "
        "caveau.",
    ),
    (
        "Scan the label",
        "Leggere l'etichetta con il lettore",
    ),
    (
        "Set it up",
        "Impostarlo",
    ),
    (
        "Show the vault's public keys, and make its key pairs where an old vault has none."
        "\n\nBenches seal the masters of new nodes for the vault's public key; gateways take only files that the "
        "vault has signed. Both get the one file vault.pub, and compare the fingerprint.",
        "Mostra le chiavi pubbliche del caveau, e crea le coppie di chiavi dove un vecchio caveau non le ha."
        "\n\nI banchi sigillano le chiavi madri dei nodi nuovi per la chiave pubblica del caveau; i gateway "
        "accettano solo file che il caveau ha firmato. Entrambi ricevono lo stesso file vault.pub e "
        "confrontano l'impronta.",
    ),
    (
        "Switch the node on; when it is found, its light blinks.",
        "Accendere il nodo; quando è trovato, la sua luce lampeggia.",
    ),
    (
        "Take the sealed masters of a bench (masters.cose) into the vault."
        "\n\nDoing it again changes nothing. Of several masters for a node the newest counts; a node that the "
        "vault has keeps its master, unless it is named with --replace. The one that goes is kept, sealed, in "
        "the vault's replaced.cose."
        "\n\nExit codes: 0 all are in the vault; 1 some were refused, and are named; 2 a person has to change "
        "something; 3 the disk refuses.",
        "Accoglie nel caveau le chiavi madri sigillate di un banco (masters.cose)."
        "\n\nRipeterlo non cambia nulla. Di più chiavi madri di un nodo vale la più recente; un nodo che il "
        "caveau conosce conserva la sua, se non è indicato con --replace. Quella che esce resta, sigillata, "
        "in replaced.cose del caveau."
        "\n\nCodici d'uscita: 0 tutte sono nel caveau; 1 alcune sono state rifiutate, e sono indicate; 2 una "
        "persona deve cambiare qualcosa; 3 il disco rifiuta.",
    ),
    (
        "The file has no root of node {node}.",
        "Il file non ha la chiave derivata del nodo {node}.",
    ),
    (
        "The gateway has a new commissioning key, and it was compared.",
        "Il gateway ha una nuova chiave di messa in servizio, e l'impronta è stata confrontata.",
    ),
    (
        "The gateway's commissioning.pub, as `gateway init` made it.",
        "Il commissioning.pub del gateway, come l'ha creato `gateway init`.",
    ),
    (
        "The label ends as soon as the gateway has all that the node had queued before it moved.",
        "L'etichetta si chiude appena il gateway ha tutto ciò che il nodo aveva in coda prima di passare.",
    ),
    (
        "The label has no use any more: destroy it.",
        "L'etichetta non serve più: distruggerla.",
    ),
    (
        "The label is of node {node}, not of the one named.",
        "L'etichetta è del nodo {node}, non di quello indicato.",
    ),
    (
        "The label still works: the gateway has no newer root of this node. Keep it secret.",
        "L'etichetta vale ancora: il gateway non ha una chiave più nuova di questo nodo. Tenerla segreta.",
    ),
    (
        "The vault had no keys of its own: they were made now. Back the vault up again.",
        "Il caveau non aveva chiavi proprie: sono state create ora. Rifare la copia di sicurezza del caveau.",
    ),
    (
        "The vault was not trusted; nothing was changed.",
        "Il caveau non è stato accettato; nulla è cambiato.",
    ),
    (
        "The vault's fingerprint is {fingerprint}: compare it with `startcity vault key VAULT` and say --yes.",
        "L'impronta del caveau è {fingerprint}: confrontarla con `startcity vault key VAULT` e aggiungere --yes.",
    ),
    (
        "The vault's fingerprint was compared: trust it without being asked.",
        "L'impronta del caveau è stata confrontata: lo accetta senza chiedere.",
    ),
    (
        "The vault's vault.pub: the first time, unless `gateway init` got it.",
        "Il vault.pub del caveau: la prima volta, se `gateway init` non l'ha avuto.",
    ),
    (
        "There is no check {check}. Known: {known}.",
        "Non c'è la verifica {check}. Quelle note: {known}.",
    ),
    (
        "There is no collector: end when the reading is on the gateway's disk.",
        "Non c'è un collettore: finisce quando la lettura è sul disco del gateway.",
    ),
    (
        "There is no node yet: give --label-file, or ID with --file.",
        "Manca il nodo: dare --label-file, oppure ID con --file.",
    ),
    (
        "This gateway has no collector that could verify a reading: say --without-collector to end without.",
        "Questo gateway non ha un collettore che possa verificare una lettura: aggiungere --without-collector "
        "per finire senza.",
    ),
    (
        "This gateway trusts no vault yet: give the vault's vault.pub with --vault-key, this once.",
        "Questo gateway non si fida ancora di un caveau: dare il vault.pub con --vault-key, una volta sola.",
    ),
    (
        "VaultChanged: this gateway trusts another vault ({file}): only if that one is lost, move that file "
        "away and give the new vault.pub.",
        "VaultChanged: questo gateway si fida di un altro caveau ({file}): solo se quello è perduto, spostare "
        "quel file e dare il nuovo vault.pub.",
    ),
    (
        "Wait for the city's receipt of its first reading",
        "Attendere la ricevuta della città per la prima lettura",
    ),
    (
        "gateway {gateway} had another commissioning key until now: compare its fingerprint {fingerprint} "
        "with what `startcity gateway init` shows there, then say --new-key.",
        "il gateway {gateway} aveva finora un'altra chiave di messa in servizio: confrontare l'impronta "
        "{fingerprint} con quella che `startcity gateway init` mostra lì, poi aggiungere --new-key.",
    ),
    (
        "left out",
        "saltata",
    ),
    (
        "passed",
        "riuscita",
    ),
    (
        "the file would not be valid: {reason}.",
        "il file non sarebbe valido: {reason}.",
    ),
    (
        "{file} cannot be read ({reason}): copy the gateway's commissioning.pub there.",
        "{file} non si può leggere ({reason}): copiarvi il commissioning.pub del gateway.",
    ),
    (
        "{file} cannot be read ({reason}): copy the vault's vault.pub there.",
        "{file} non si può leggere ({reason}): copiarvi il vault.pub del caveau.",
    ),
    (
        "{file} cannot be written: choose a folder that you may write.",
        "{file} non si può scrivere: scegliere una cartella in cui si può scrivere.",
    ),
    (
        "{file} does not exist.",
        "{file} non esiste.",
    ),
    (
        "{file} does not hold a vault's private keys or is damaged: restore it from the backup.",
        "{file} non contiene le chiavi private di un caveau o è danneggiato: ripristinarlo dalla copia di sicurezza.",
    ),
    (
        "{file} does not hold a vault's public keys: copy the vault's vault.pub again.",
        "{file} non contiene le chiavi pubbliche di un caveau: copiare di nuovo vault.pub.",
    ),
    (
        "{file} is damaged: delete it and begin again, what is done already is found done.",
        "{file} è danneggiato: cancellarlo e ricominciare, ciò che è già fatto risulta fatto.",
    ),
    (
        "{file} is full: import it into the vault, move it away and begin a new one.",
        "{file} è pieno: importarlo nel caveau, spostarlo e cominciarne uno nuovo.",
    ),
    (
        "{file} is no commissioning key or is damaged: restore it, or move it away and let `startcity gateway "
        "init` make a new one.",
        "{file} non è una chiave di messa in servizio o è danneggiato: ripristinarlo, o spostarlo e farne "
        "creare uno nuovo da `startcity gateway init`.",
    ),
    (
        "{file} is no file of sealed masters: it is larger than any.",
        "{file} non è un file di chiavi madri sigillate: è più grande di qualsiasi.",
    ),
    (
        "{file} is no gateway's commissioning.pub: copy it again.",
        "{file} non è il commissioning.pub di un gateway: copiarlo di nuovo.",
    ),
    (
        "{file} is not there: `startcity gateway init` makes what is missing and keeps the rest.",
        "{file} non c'è: `startcity gateway init` crea ciò che manca e conserva il resto.",
    ),
    (
        "{file}, entry {place}: {name}.",
        "{file}, voce {place}: {name}.",
    ),
    (
        "{file}: file {serial} for gateway {gateway}. Roots: {count}.",
        "{file}: file {serial} per il gateway {gateway}. Chiavi derivate: {count}.",
    ),
    (
        "{folder} is a vault without keys of its own: make them with `startcity vault key {folder}`.",
        "{folder} è un caveau senza chiavi proprie: crearle con `startcity vault key {folder}`.",
    ),
    (
        "{name}: check {check} did not pass within {seconds} s: {text} Put it right and call it again with --resume.",
        "{name}: la verifica {check} non è riuscita entro {seconds} s: {text} Rimediare e ripetere con --resume.",
    ),
    (
        "{name}: no measured value of node {node} came within {seconds} s: its reading `fault` says if a sensor does not "
        "answer. Look at the sensor's wires, then call this again with --resume.",
        "{name}: entro {seconds} s non è arrivato nessun valore misurato del nodo {node}: la sua lettura `fault` dice se un sensore "
        "non risponde. Guardare i fili del sensore, poi ripetere con --resume.",
    ),
    (
        "{name}: the collector has not receipted a measured value of node {node} within {seconds} s: does it run, and does it know "
        "this gateway's key? Then call this again with --resume.",
        "{name}: entro {seconds} s il collettore non ha dato ricevuta di nessun valore misurato del nodo {node}: è in funzione, e "
        "conosce la chiave di questo gateway? Poi ripetere con --resume.",
    ),
    (
        "{name}: node {node} did not move to key generation {generation}; it goes on under the old one. Call this again with "
        "--resume.",
        "{name}: il nodo {node} non è passato alla generazione di chiavi {generation}; continua con la vecchia. Ripetere con "
        "--resume.",
    ),
    (
        "{name}: node {node} has not said within {seconds} s whether it holds with the new settings. {todo}",
        "{name}: entro {seconds} s il nodo {node} non ha detto se regge con le nuove impostazioni. {todo}",
    ),
    (
        "{name}: {said} Correct --set, and call this again without --resume.",
        "{name}: {said} Correggere --set, e ripetere senza --resume.",
    ),
    ("{name}: {said} Call this again with --resume.", "{name}: {said} Ripetere con --resume."),
    (
        "{name}: node {node} was not heard now, but was before, under key generation {heard}: is it on, and in reach of the "
        "Wi-Fi network? If it was erased or flashed anew since, the gateway refuses what it says: on a cable, with "
        "--port PORT, this command finds that out and says what to do.",
        "{name}: il nodo {node} non è stato sentito ora, ma lo era prima, con la generazione di chiavi {heard}: è acceso, e raggiunge "
        "la rete Wi-Fi? Se nel frattempo è stato cancellato o riprogrammato, il gateway rifiuta ciò che dice: al cavo, con "
        "--port PORTA, questo comando lo scopre e dice che cosa fare.",
    ),
    (
        "{name}: node {node} was not heard: is it on, in reach of the Wi-Fi network, and is the label its own? If it was "
        "erased or flashed anew since, only its newest label fits. On a cable, with --port PORT, this command asks it.",
        "{name}: il nodo {node} non è stato sentito: è acceso, raggiunge la rete Wi-Fi, e l'etichetta è la sua? Se nel frattempo è "
        "stato cancellato o riprogrammato, vale solo l'etichetta più nuova. Al cavo, con --port PORTA, questo comando glielo chiede.",
    ),
    (
        "--resume goes on with what node {node} was begun with: to change {flags}, call it without --resume.",
        "--resume riprende con ciò con cui il nodo {node} è stato iniziato: per cambiare {flags}, ripetere senza --resume.",
    ),
    (
        "The gateway does not run, so no node is heard: `startcity gateway status --config {config}` says how to start it.",
        "Il gateway non è in funzione, quindi nessun nodo è sentito: `startcity gateway status --config {config}` dice come avviarlo.",
    ),
    (
        "When it last began it was in safe mode: it runs without its application, because its last starts have failed. Its readings "
        "`crash` and `fault` say why. Switch it off and on: it then obeys at once, and tries its application again.",
        "All'ultimo avvio era in modalità sicura: funziona senza la sua applicazione, perché gli ultimi avvii non sono riusciti. Le "
        "letture `crash` e `fault` dicono perché. Spegnerlo e riaccenderlo: allora obbedisce subito, e riprova l'applicazione.",
    ),
    (
        "It obeys when it next speaks. Switched off and on it does so at once.",
        "Obbedisce quando parla la prossima volta. Spento e riacceso lo fa subito.",
    ),
    (
        "It obeys when it next speaks, every {minutes} minutes at least. Switched off and on it does so at once.",
        "Obbedisce quando parla la prossima volta, almeno ogni {minutes} minuti. Spento e riacceso lo fa subito.",
    ),
    (
        "It takes settings when it next speaks, every {minutes} minutes at least, and answers when it has held with them for a "
        "minute. Switched off and on it speaks at once. `startcity node list --json` says what became of it.",
        "Prende le impostazioni quando parla la prossima volta, almeno ogni {minutes} minuti, e risponde quando ha retto con esse per "
        "un minuto. Spento e riacceso parla subito. `startcity node list --json` dice che cosa ne è stato.",
    ),
    (
        "{name}: the label cannot be read: {reason}.",
        "{name}: l'etichetta non si legge: {reason}.",
    ),
    (
        "{name}: {file} is damaged, was changed, or is no commissioning file: fetch it from the vault again.",
        "{name}: {file} è danneggiato, modificato o non è un file di messa in servizio: riprenderlo dal caveau.",
    ),
    (
        "{name}: {file} was made for another gateway than {gateway}, or for a commissioning key that it has no more.",
        "{name}: {file} è stato creato per un gateway diverso da {gateway}, o per una chiave di messa in "
        "servizio che non ha più.",
    ),
    (
        "{name}: {file} was not signed by the vault that this gateway trusts ({fingerprint}).",
        "{name}: {file} non è firmato dal caveau di cui questo gateway si fida ({fingerprint}).",
    ),
)
